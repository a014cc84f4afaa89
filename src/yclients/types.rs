//! What YClients sends, read tolerantly: numbers as strings, `[]` for objects, absent keys, unknown words.
//!
//! Every struct reads any JSON object without an error: a field that is missing or odd is `None`. What makes an answer worthless without it is checked
//! by [`loose::Known`]; fields we don't know are ignored.

pub(super) mod booking;
pub(super) mod catalogue;
pub(super) mod clients;
pub(super) mod company;
pub(super) mod hooks;
pub(super) mod installation;
pub(super) mod loose;
pub(super) mod owner;
pub(super) mod records;
pub(super) mod schedule;
pub(super) mod times;

/// A salon's or owner's name, e-mail or address is cut to this many characters: nobody's real one is longer, and a record must stay small.
const MAX_TEXT_CHARS: usize = 300;

/// The text without blanks around it, cut to a sane length. `None` when nothing is left.
pub(super) fn sane(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(MAX_TEXT_CHARS).collect();
    (!text.is_empty()).then_some(text)
}
