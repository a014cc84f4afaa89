//! One script per storage trait, run on both storages.

use std::sync::Arc;

use bytes::Bytes;
use wacore::appstate::hash::HashState;
use wacore::appstate::processor::AppStateMutationMAC;
use wacore::store::traits::{
    AppStateSyncKey, Backend, DeviceInfo, DeviceListRecord, LidPnMappingEntry, MsgSecretEntry, PendingInboundKey, PendingInboundRow,
    TcTokenEntry,
};

use super::{Transcript, same};

/// Larger than one piece of the vault, and than two.
fn large() -> Vec<u8> {
    (0..150_000_u32).map(|n| n.to_le_bytes()[0]).collect()
}

#[tokio::test]
async fn sessions_and_identities() {
    let writes = same(|b| async move {
        let mut t = Transcript::default();
        t.note("none", b.get_session("1:2@lid").await.unwrap());
        b.put_session("1:2@lid", b"a").await.unwrap();
        b.put_session("12@lid", &large()).await.unwrap();
        let batch = [(Arc::from("1:2@lid"), Bytes::from_static(b"b")), (Arc::from("3@lid"), Bytes::new())];
        b.put_sessions_batch(&batch).await.unwrap();
        t.note("updated", b.get_session("1:2@lid").await.unwrap());
        t.note("empty", b.get_session("3@lid").await.unwrap());
        t.note("large", b.get_session("12@lid").await.unwrap());
        b.put_session("12@lid", b"small again").await.unwrap();
        t.note("shrunk", b.get_session("12@lid").await.unwrap());
        t.note("has", b.has_session("3@lid").await.unwrap());
        b.put_identity("9@s.whatsapp.net", [9; 32]).await.unwrap();
        b.put_identities_batch(&[(Arc::from("8:1@lid"), [8; 32])]).await.unwrap();
        t.note("identity", b.load_identity("8:1@lid").await.unwrap());
        for user in ["1", "12", "2", "8", "9", "3", ""] {
            t.note(user, b.has_signal_state_for_user(user).await.unwrap());
        }
        b.delete_session("1:2@lid").await.unwrap();
        b.delete_session("nobody").await.unwrap();
        b.delete_identity("8:1@lid").await.unwrap();
        t.note("gone", b.has_session("1:2@lid").await.unwrap());
        t.note("gone", b.load_identity("8:1@lid").await.unwrap());
        t.note("gone", b.has_signal_state_for_user("1").await.unwrap());
        t
    })
    .await;
    assert_eq!(writes, 9, "one write per call");
}

#[tokio::test]
async fn pre_keys_and_sender_keys() {
    same(|b| async move {
        let mut t = Transcript::default();
        t.note("max", b.get_max_prekey_id().await.unwrap());
        b.store_prekey(2, b"two", false).await.unwrap();
        let keys: Vec<(u32, Bytes)> = (250..260).map(|id| (id, Bytes::from(id.to_string()))).collect();
        b.store_prekeys_batch(&keys, false).await.unwrap();
        t.note("max", b.get_max_prekey_id().await.unwrap());
        b.remove_prekey(251).await.unwrap();
        b.mark_prekeys_uploaded(&[250, 251, 252]).await.unwrap();
        t.note("consumed", b.load_prekey(251).await.unwrap());
        t.note("batch", b.load_prekeys_batch(&[2, 251, 255, 999]).await.unwrap());
        b.store_signed_prekey(1, b"s1").await.unwrap();
        b.store_signed_prekey(300, b"s300").await.unwrap();
        t.note("signed", b.load_signed_prekey(300).await.unwrap());
        t.note_sorted("all signed", b.load_all_signed_prekeys().await.unwrap());
        b.remove_signed_prekey(1).await.unwrap();
        t.note_sorted("all signed", b.load_all_signed_prekeys().await.unwrap());
        b.put_sender_key("g::1@lid", &large()).await.unwrap();
        b.put_sender_keys_batch(&[(Arc::from("g::2@lid"), Bytes::from_static(b"k"))]).await.unwrap();
        t.note("sender key", b.get_sender_key("g::1@lid").await.unwrap());
        b.delete_sender_key("g::1@lid").await.unwrap();
        t.note("gone", b.get_sender_key("g::1@lid").await.unwrap());
        t.note("other", b.get_sender_key("g::2@lid").await.unwrap());
        t
    })
    .await;
}

fn mac(index: u8, value: u8) -> AppStateMutationMAC {
    AppStateMutationMAC { index_mac: vec![index; 32], value_mac: vec![value; 32] }
}

#[tokio::test]
async fn app_state() {
    same(|b| async move {
        let mut t = Transcript::default();
        t.note("latest", b.get_latest_sync_key_id().await.unwrap());
        for id in [b"k9".as_slice(), b"k1"] {
            let key = AppStateSyncKey { key_data: id.to_vec(), fingerprint: vec![1, 2], timestamp: 77 };
            b.set_sync_key(id, key).await.unwrap();
        }
        t.note("latest", b.get_latest_sync_key_id().await.unwrap());
        t.note("key", b.get_sync_key(b"k9").await.unwrap());
        t.note("no key", b.get_sync_key(b"k").await.unwrap().is_none());
        t.note("fresh version", b.get_version("regular").await.unwrap().version);
        let mut state = HashState { version: 5, hash: [7; 128], ..Default::default() };
        state.index_value_map.extend((0..3000).map(|n| (n.to_string(), vec![1; 32])));
        b.set_version("regular", state).await.unwrap();
        let stored = b.get_version("regular").await.unwrap();
        t.note("version", (stored.version, stored.hash, stored.index_value_map.len(), stored.mac_mismatch_fatal));
        b.put_mutation_macs("regular", 5, &[mac(1, 10), mac(2, 20)]).await.unwrap();
        b.put_mutation_macs("regular_low", 5, &[mac(1, 30)]).await.unwrap();
        b.put_mutation_macs("regular", 6, &[mac(1, 11)]).await.unwrap();
        t.note("mac", b.get_mutation_mac("regular", &[1; 32]).await.unwrap());
        b.delete_mutation_macs("regular", &[vec![2; 32], vec![3; 32]]).await.unwrap();
        let macs = b.get_mutation_macs("regular", &[[1; 32], [2; 32], [9; 32]]).await.unwrap();
        t.note_sorted("macs", macs.into_iter().collect());
        b.clear_mutation_macs("regular").await.unwrap();
        t.note("cleared", b.get_mutation_mac("regular", &[1; 32]).await.unwrap());
        t.note("other collection", b.get_mutation_mac("regular_low", &[1; 32]).await.unwrap());
        t
    })
    .await;
}

async fn distribution(b: &dyn Backend, t: &mut Transcript) {
    for group in ["g1", "g2", "g"] {
        t.note_sorted(group, b.get_sender_key_devices(group).await.unwrap());
    }
}

#[tokio::test]
async fn sender_key_distribution() {
    same(|b| async move {
        let mut t = Transcript::default();
        b.set_sender_key_status("g1", &[("a:1@lid", true), ("b@lid", false)]).await.unwrap();
        b.set_sender_key_status("g2", &[("a:1@lid", false), ("c@lid", true)]).await.unwrap();
        b.set_sender_key_status("g1", &[("b@lid", true)]).await.unwrap();
        distribution(&*b, &mut t).await;
        b.delete_sender_key_device_rows(&["a:1@lid", "nobody"]).await.unwrap();
        b.delete_sender_key_device_rows(&[]).await.unwrap();
        distribution(&*b, &mut t).await;
        b.clear_sender_key_devices("g1").await.unwrap();
        distribution(&*b, &mut t).await;
        b.clear_all_sender_key_devices().await.unwrap();
        distribution(&*b, &mut t).await;
        t
    })
    .await;
}

pub(super) fn mapping(lid: &str, phone: &str) -> LidPnMappingEntry {
    LidPnMappingEntry {
        lid: lid.to_owned(),
        phone_number: phone.to_owned(),
        created_at: 1,
        updated_at: 2,
        learning_source: "usync".to_owned(),
    }
}

#[tokio::test]
async fn lid_mappings_follow_a_changed_number() {
    same(|b| async move {
        let mut t = Transcript::default();
        b.put_lid_mapping(&mapping("L1", "71")).await.unwrap();
        b.put_lid_mappings(&[mapping("L1", "72"), mapping("L2", "71"), mapping("L3", "72")]).await.unwrap();
        for phone in ["71", "72", "73"] {
            t.note(phone, b.get_pn_mapping(phone).await.unwrap());
        }
        b.put_lid_mapping(&mapping("L1", "73")).await.unwrap();
        for phone in ["71", "72", "73"] {
            t.note(phone, b.get_pn_mapping(phone).await.unwrap());
        }
        t.note("lid", b.get_lid_mapping("L1").await.unwrap());
        t.note_sorted("all", b.get_all_lid_mappings().await.unwrap());
        t
    })
    .await;
}

#[tokio::test]
async fn base_keys_device_lists_and_groups() {
    same(|b| async move {
        let mut t = Transcript::default();
        b.save_base_key("a@lid", "m1", b"key").await.unwrap();
        for (message, key) in [("m1", &b"key"[..]), ("m1", b"other"), ("m2", b"key")] {
            t.note(message, b.has_same_base_key("a@lid", message, key).await.unwrap());
        }
        b.delete_base_key("a@lid", "m1").await.unwrap();
        t.note("gone", b.has_same_base_key("a@lid", "m1", b"key").await.unwrap());
        let list = |user: &str, count: u32| DeviceListRecord {
            user: user.to_owned(),
            devices: (0..count).map(|id| DeviceInfo::new(id, Some(id))).collect(),
            timestamp: 9,
            phash: Some("2:hash".to_owned()),
            raw_id: (count > 1).then_some(count),
        };
        b.update_device_list(list("u1", 1)).await.unwrap();
        b.update_device_lists(vec![list("u1", 2), list("u2", 3000)]).await.unwrap();
        for user in ["u1", "u2", "u3"] {
            t.note(user, b.get_devices(user).await.unwrap());
        }
        b.delete_devices("u2").await.unwrap();
        t.note("gone", b.get_devices("u2").await.unwrap());
        b.put_group_metadata("g", &large()).await.unwrap();
        t.note("group", b.get_group_metadata("g").await.unwrap());
        b.delete_group_metadata("g").await.unwrap();
        t.note("gone", b.get_group_metadata("g").await.unwrap());
        t
    })
    .await;
}

async fn tokens(b: &dyn Backend, t: &mut Transcript) {
    t.note_sorted("contacts", b.get_all_tc_token_jids().await.unwrap());
    for jid in ["a", "b", "c"] {
        t.note(jid, b.get_tc_token(jid).await.unwrap());
    }
}

#[tokio::test]
async fn privacy_tokens_merge() {
    same(|b| async move {
        let mut t = Transcript::default();
        b.touch_tc_token_sender_timestamp("a", 50).await.unwrap();
        b.touch_tc_token_sender_timestamp("a", 40).await.unwrap();
        b.store_received_tc_token("a", b"t30", 30).await.unwrap();
        b.store_received_tc_token("a", b"t20", 20).await.unwrap();
        b.store_received_tc_token("b", b"t10", 10).await.unwrap();
        b.touch_tc_token_sender_timestamp("b", 60).await.unwrap();
        b.store_received_tc_token("b", b"again", 10).await.unwrap();
        let entry = TcTokenEntry { token: b"t5".to_vec(), token_timestamp: 5, sender_timestamp: None };
        b.put_tc_token("c", &entry).await.unwrap();
        tokens(&*b, &mut t).await;
        for cutoffs in [(10, 50), (11, 55), (31, 61), (i64::MAX, i64::MAX)] {
            t.note("deleted", b.delete_expired_tc_tokens(cutoffs.0, cutoffs.1).await.unwrap());
            tokens(&*b, &mut t).await;
        }
        b.put_tc_token("c", &entry).await.unwrap();
        b.delete_tc_token("c").await.unwrap();
        tokens(&*b, &mut t).await;
        t
    })
    .await;
}

#[tokio::test]
async fn sent_and_received_messages() {
    same(|b| async move {
        let mut t = Transcript::default();
        b.store_sent_message("chat", "1", b"one").await.unwrap();
        b.store_sent_message("chat", "2", &large()).await.unwrap();
        t.note("taken", b.take_sent_message("chat", "2").await.unwrap());
        t.note("only once", b.take_sent_message("chat", "2").await.unwrap());
        t.note("other chat", b.take_sent_message("cha", "t1").await.unwrap());
        t.note("young", b.delete_expired_sent_messages(1).await.unwrap());
        t.note("old", b.delete_expired_sent_messages(i64::MAX).await.unwrap());
        t.note("swept", b.take_sent_message("chat", "1").await.unwrap());
        let big = large();
        let rows = ["1", "2", "3"].map(|id| PendingInboundRow { chat: "c", sender: "s", id, message: &big });
        b.store_pending_inbound_batch(&rows).await.unwrap();
        b.store_pending_inbound("c", "s", "1", b"").await.unwrap();
        t.note("replaced", b.get_pending_inbound("c", "s", "1").await.unwrap());
        t.note("still there", b.get_pending_inbound("c", "s", "2").await.unwrap());
        b.delete_pending_inbound("c", "s", "1").await.unwrap();
        let keys = ["1", "2"].map(|id| PendingInboundKey { chat: "c", sender: "s", id });
        b.delete_pending_inbound_batch(&keys).await.unwrap();
        t.note("gone", b.get_pending_inbound("c", "s", "2").await.unwrap());
        t.note("young", b.delete_expired_pending_inbound(1).await.unwrap());
        t.note("old", b.delete_expired_pending_inbound(i64::MAX).await.unwrap());
        t.note("swept", b.get_pending_inbound("c", "s", "3").await.unwrap());
        t
    })
    .await;
}

pub(super) fn secret(id: &str, byte: u8, expires_at: i64, message_ts: i64) -> MsgSecretEntry {
    let chat: Arc<str> = Arc::from("c@lid");
    MsgSecretEntry { sender: Arc::clone(&chat), chat, msg_id: id.into(), secret: [byte; 32], expires_at, message_ts }
}

#[tokio::test]
async fn message_secrets_merge_and_expire() {
    same(|b| async move {
        let mut t = Transcript::default();
        let entries = vec![secret("1", 1, 100, 5), secret("1", 2, 50, 0), secret("2", 3, 10, 0), secret("3", 4, 10, 1)];
        t.note("stored", b.put_msg_secrets(entries).await.unwrap());
        b.put_msg_secret("c@lid", "c@lid", "3", &[9; 32]).await.unwrap();
        for cutoff in [9, 10, 99, 100, i64::MAX] {
            t.note("swept", b.delete_expired_msg_secrets(cutoff).await.unwrap());
            for id in ["1", "2", "3", "4"] {
                t.note(id, b.get_msg_secret_with_ts("c@lid", "c@lid", id).await.unwrap());
                t.note(id, b.get_msg_secret("c@lid", "c@lid", id).await.unwrap());
            }
        }
        t
    })
    .await;
}

#[tokio::test]
async fn the_device_is_created_once() {
    same(|b| async move {
        let mut t = Transcript::default();
        t.note("exists", b.exists().await.unwrap());
        t.note("none", b.load().await.unwrap().is_none());
        t.note("id", b.create().await.unwrap());
        t.note("exists", b.exists().await.unwrap());
        let mut device = b.load().await.unwrap().unwrap();
        device.push_name = "Salon".to_owned();
        device.pn = Some("79161234567:3@s.whatsapp.net".parse().unwrap());
        device.next_pre_key_id = 101;
        b.save(&device).await.unwrap();
        b.create().await.unwrap();
        let stored = b.load().await.unwrap().unwrap();
        t.note("kept", serde_json::to_string(&stored).unwrap() == serde_json::to_string(&device).unwrap());
        t.note("fields", (stored.push_name, stored.pn, stored.next_pre_key_id));
        t
    })
    .await;
}
