//! Values as loose as YClients sends them: numbers as text, `[]` for a missing object, `0` for a missing text, three spellings of a boolean.
//!
//! Everything here reads a JSON value into `Option`: what can't be read is absent, never an error and never a panic. Whether absence is fatal is
//! for the caller to say. The functions named after types are for `#[serde(deserialize_with = "…")]`.

use frontdesk_actors::ids::{Phone, SalonId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::times::When;

/// The largest whole number that survives a JSON float.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A number or its text.
pub(crate) fn decimal_of(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().replace(',', ".").parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| number.is_finite())
}

/// A whole number, its text, or a decimal that is whole: `16`, `"16"`, `"1300.00"`.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(crate) fn integer_of(value: &Value) -> Option<i64> {
    let exact = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let whole = |decimal: &f64| decimal.fract() == 0.0 && decimal.abs() < MAX_EXACT;
    exact.or_else(|| decimal_of(value).filter(whole).map(|decimal| decimal as i64))
}

/// A number above zero: ids, where 0 stands for "none".
pub(crate) fn id_of(value: &Value) -> Option<u64> {
    match value {
        Value::Bool(_) => None,
        Value::Number(_) | Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
            integer_of(value).and_then(|number| u64::try_from(number).ok()).filter(|id| *id > 0)
        }
    }
}

/// `true`, `1`, `"1"`, `"true"` and their opposites.
pub(crate) fn flag_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" | "" => Some(false),
            _ => None,
        },
        Value::Number(_) => match integer_of(value) {
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(_) | None => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text that says something; a number counts as its digits.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// As [`text_of`], where YClients writes `0` for "none": comments, birth dates.
fn words_of(value: &Value) -> Option<String> {
    text_of(value).filter(|text| text.trim() != "0")
}

/// A number or text that is a phone number.
pub(crate) fn phone_of(value: &Value) -> Option<Phone> {
    text_of(value)?.trim().parse().ok()
}

/// An object that has something in it; `null`, `[]`, `{}` and anything else are absent.
pub(crate) fn object_of<T: DeserializeOwned>(value: Value) -> Option<T> {
    match value {
        Value::Object(fields) if !fields.is_empty() => serde_json::from_value(Value::Object(fields)).ok(),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// The elements of a list, or of a map keyed by id. Those that can't be read are left out.
fn list_of<T: DeserializeOwned>(value: Value) -> Vec<T> {
    let items: Vec<Value> = match value {
        Value::Array(items) => items,
        Value::Object(fields) => fields.into_iter().map(|(_, item)| item).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect()
}

macro_rules! reader {
    ($(#[$doc:meta])* $name:ident -> $type:ty, $of:expr) => {
        $(#[$doc])*
        pub(crate) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$type>, D::Error> {
            Value::deserialize(deserializer).map(|value| $of(&value))
        }
    };
}

reader!(
    /// See [`integer_of`].
    integer -> i64, integer_of
);
reader!(
    /// See [`id_of`].
    id -> u64, id_of
);
reader!(
    /// See [`decimal_of`].
    decimal -> f64, decimal_of
);
reader!(
    /// See [`flag_of`].
    flag -> bool, flag_of
);
reader!(
    /// See [`text_of`].
    text -> String, text_of
);
reader!(
    /// See [`words_of`].
    words -> String, words_of
);
reader!(
    /// See [`phone_of`].
    phone -> Phone, phone_of
);
reader!(
    /// See [`When::of`].
    when -> When, When::of
);
reader!(
    /// A salon's number.
    salon -> SalonId, |value: &Value| id_of(value).and_then(|id| SalonId::try_from(id).ok())
);

/// See [`object_of`].
pub(crate) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Value::deserialize(deserializer).map(object_of)
}

/// See [`list_of`].
pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Value::deserialize(deserializer).map(list_of)
}

/// Ids in a list, each a number or its text.
pub(crate) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    Value::deserialize(deserializer).map(|value| list_of::<Value>(value).iter().filter_map(id_of).collect())
}

/// Texts in a list.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Value::deserialize(deserializer).map(|value| list_of::<Value>(value).iter().filter_map(text_of).collect())
}

/// A list of a YClients' answer: what could be read, and how much could not.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// Those that could be read.
    pub items: Vec<T>,
    /// Entries that could not. What is missing in `items` may be among them.
    pub unreadable: usize,
    /// How many there are over all pages, when told. Not to be trusted alone.
    pub total: Option<u64>,
}

impl<T: DeserializeOwned + Known> Listed<T> {
    /// Reads a list; `None` when it is none, or when nothing in it can be read. An empty list is an answer, a list of nonsense is not.
    pub(crate) fn of(data: Value, total: Option<u64>) -> Option<Self> {
        let Value::Array(entries) = data else { return None };
        let count = entries.len();
        let items: Vec<T> = entries.into_iter().filter_map(object_of).filter(T::is_known).collect();
        let unreadable = count - items.len();
        (count == 0 || !items.is_empty()).then_some(Self { items, unreadable, total })
    }
}

/// Something of YClients' that is worth nothing without its number (or its equivalent).
pub trait Known {
    /// Is it there?
    fn is_known(&self) -> bool;
}

#[cfg(test)]
pub(in crate::yclients) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_as_numbers_and_as_text() {
        for (value, read) in [
            (json!(16), Some(16)),
            (json!("16"), Some(16)),
            (json!(" 2700 "), Some(2700)),
            (json!("1300.00"), Some(1300)),
            (json!(1300.0), Some(1300)),
            (json!(-1), Some(-1)),
            (json!("-1"), Some(-1)),
            (json!("12.5"), None),
            (json!(1e300), None),
            (json!(""), None),
            (json!("abc"), None),
            (json!(null), None),
            (json!([]), None),
            (json!({}), None),
        ] {
            assert_eq!(integer_of(&value), read, "{value}");
        }
        assert_eq!(decimal_of(&json!("1300.50")), Some(1300.5));
        assert_eq!(decimal_of(&json!("1300,50")), Some(1300.5));
        assert_eq!(decimal_of(&json!("NaN")), None);
        assert_eq!(
            (id_of(&json!("8262996")), id_of(&json!(0)), id_of(&json!(true)), id_of(&json!(-5))),
            (Some(8_262_996), None, None, None)
        );
    }

    #[test]
    fn booleans_have_many_spellings() {
        for yes in [json!(true), json!(1), json!("1"), json!("true"), json!("TRUE")] {
            assert_eq!(flag_of(&yes), Some(true), "{yes}");
        }
        for no in [json!(false), json!(0), json!("0"), json!("false"), json!("")] {
            assert_eq!(flag_of(&no), Some(false), "{no}");
        }
        for unclear in [json!(2), json!("maybe"), json!(null), json!([]), json!({})] {
            assert_eq!(flag_of(&unclear), None, "{unclear}");
        }
    }

    #[test]
    fn phones_come_in_every_shape() {
        for value in [
            json!(79_112_345_678_u64),
            json!("79112345678"),
            json!("+79112345678"),
            json!("+7 911 234-56-78"),
            json!("8 (911) 234-56-78"),
            json!("9112345678"),
        ] {
            assert_eq!(phone_of(&value).expect("a phone").digits(), "79112345678", "{value}");
        }
        // Ten to fifteen digits; other countries' numbers that begin with 8 stay as they are.
        assert_eq!(phone_of(&json!("+8613812345678")).expect("a phone").digits(), "8613812345678");
        assert_eq!(phone_of(&json!("8613812345678")).expect("a phone").digits(), "8613812345678");
        for none in [json!(""), json!(null), json!([]), json!(0), json!("123"), json!("нет"), json!("+7911234567890123")] {
            assert_eq!(phone_of(&none), None, "{none}");
        }
    }

    #[test]
    fn a_missing_relation_is_null_an_empty_list_an_empty_object_or_absent() {
        #[derive(Debug, Default, Deserialize, PartialEq)]
        #[serde(default)]
        struct Master {
            #[serde(deserialize_with = "id")]
            id: Option<u64>,
        }
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct Holder {
            #[serde(deserialize_with = "object")]
            master: Option<Master>,
            #[serde(deserialize_with = "list")]
            groups: Vec<Master>,
            #[serde(deserialize_with = "words")]
            comment: Option<String>,
        }
        for text in [r#"{"master":null}"#, r#"{"master":[]}"#, r#"{"master":{}}"#, "{}", r#"{"master":"","comment":0,"groups":null}"#] {
            let holder: Holder = serde_json::from_str(text).expect("readable");
            assert!(holder.master.is_none() && holder.comment.is_none() && holder.groups.is_empty(), "{text}");
        }
        let holder: Holder =
            serde_json::from_value(json!({"master": {"id": "5"}, "groups": {"5": {"id": 5}, "x": "odd"}})).expect("readable");
        assert_eq!((holder.master, holder.groups.len()), (Some(Master { id: Some(5) }), 1));
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Thing {
        #[serde(deserialize_with = "id")]
        id: Option<u64>,
    }

    impl Known for Thing {
        fn is_known(&self) -> bool {
            self.id.is_some()
        }
    }

    #[test]
    fn only_a_list_is_a_list_and_nonsense_is_not_empty() {
        let read = |data| Listed::<Thing>::of(data, None).map(|listed| (listed.items.len(), listed.unreadable));
        assert_eq!(read(json!([])), Some((0, 0)));
        assert_eq!(read(json!([{"id": "1"}, {"id": 2}, {"no": 3}, "odd"])), Some((2, 2)));
        for wrong in [json!(null), json!({}), json!("[]"), json!({"error": "x"}), json!([1, 2]), json!([{"no": 1}]), json!([[], []])] {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
    }

    pub(in crate::yclients) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[0-9.,:T+ -]{0,24}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from);
            let map = prop::collection::btree_map("[a-z_]{1,8}", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect()));
            prop_oneof![list, map]
        })
    }

    proptest! {
        #[test]
        fn no_value_makes_a_reader_panic(value in any_json()) {
            let _ = (integer_of(&value), id_of(&value), decimal_of(&value), flag_of(&value), text_of(&value), words_of(&value), phone_of(&value));
            let _ = (When::of(&value), object_of::<Thing>(value.clone()), list_of::<Thing>(value.clone()), Listed::<Thing>::of(value, None));
        }

        #[test]
        fn a_number_survives_being_text(number in any::<i32>()) {
            prop_assert_eq!(integer_of(&json!(number.to_string())), integer_of(&json!(number)));
        }
    }
}
