//! Random calls, where answers depend on what was there before.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use wacore::store::traits::Backend;

use super::scripts::{mapping, secret};
use super::{Transcript, same};

#[derive(Debug, Clone)]
enum Call {
    Session(u8, u16),
    DropSession(u8),
    Map(u8, u8),
    Touch(u8, i64),
    Token(u8, i64),
    SweepTokens(i64, i64),
    Secret(u8, i64, i64),
    SweepSecrets(i64),
    Distribute(u8, u8, bool),
    Forget(u8),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (0..3_u8, any::<u16>()).prop_map(|(a, size)| Call::Session(a, size)),
        (0..3_u8).prop_map(Call::DropSession),
        (0..3_u8, 0..3_u8).prop_map(|(lid, phone)| Call::Map(lid, phone)),
        (0..3_u8, 0..9_i64).prop_map(|(jid, at)| Call::Touch(jid, at)),
        (0..3_u8, 0..9_i64).prop_map(|(jid, at)| Call::Token(jid, at)),
        (0..9_i64, 0..9_i64).prop_map(|(token, sender)| Call::SweepTokens(token, sender)),
        (0..3_u8, 0..9_i64, 0..9_i64).prop_map(|(id, expires, at)| Call::Secret(id, expires, at)),
        (0..9_i64).prop_map(Call::SweepSecrets),
        (0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(group, device, has)| Call::Distribute(group, device, has)),
        (0..3_u8).prop_map(Call::Forget),
    ]
}

async fn perform(b: &dyn Backend, call: &Call, t: &mut Transcript) {
    match *call {
        Call::Session(address, size) => {
            // Up to three pieces of the vault.
            let record = Bytes::from(vec![address; usize::from(size) * 3]);
            b.put_sessions_batch(&[(Arc::from(address.to_string()), record)]).await.unwrap();
        }
        Call::DropSession(address) => b.delete_session(&address.to_string()).await.unwrap(),
        Call::Map(lid, phone) => {
            b.put_lid_mapping(&mapping(&lid.to_string(), &phone.to_string())).await.unwrap();
        }
        Call::Touch(jid, at) => b.touch_tc_token_sender_timestamp(&jid.to_string(), at).await.unwrap(),
        Call::Token(jid, at) => b.store_received_tc_token(&jid.to_string(), &[jid], at).await.unwrap(),
        Call::SweepTokens(token, sender) => {
            t.note("tokens", b.delete_expired_tc_tokens(token, sender).await.unwrap());
        }
        Call::Secret(id, expires, at) => {
            b.put_msg_secrets(vec![secret(&id.to_string(), id, expires, at)]).await.unwrap();
        }
        Call::SweepSecrets(cutoff) => t.note("secrets", b.delete_expired_msg_secrets(cutoff).await.unwrap()),
        Call::Distribute(group, device, has) => {
            b.set_sender_key_status(&group.to_string(), &[(&device.to_string(), has)]).await.unwrap();
        }
        Call::Forget(device) => b.delete_sender_key_device_rows(&[&device.to_string()]).await.unwrap(),
    }
}

async fn look(b: &dyn Backend, t: &mut Transcript) {
    for key in ["0", "1", "2"] {
        t.note("session", b.get_session(key).await.unwrap().map(|record| (record.len(), record.first().copied())));
        t.note("lid", b.get_lid_mapping(key).await.unwrap());
        t.note("phone", b.get_pn_mapping(key).await.unwrap());
        t.note("token", b.get_tc_token(key).await.unwrap());
        t.note("secret", b.get_msg_secret_with_ts("c@lid", "c@lid", key).await.unwrap());
        t.note_sorted("devices", b.get_sender_key_devices(key).await.unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_calls_are_answered_alike(calls in proptest::collection::vec(call(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(same(|b| {
            let calls = calls.clone();
            async move {
                let mut t = Transcript::default();
                for call in &calls {
                    perform(&*b, call, &mut t).await;
                }
                look(&*b, &mut t).await;
                t
            }
        }));
    }
}
