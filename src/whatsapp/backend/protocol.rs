//! Sender-key distribution, LID mapping, device lists, groups, privacy tokens, sent and received messages.

use async_trait::async_trait;
use wacore::store::error::Result;
use wacore::store::traits::{DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry};

use super::batch::Batch;
use super::pending::{payload, stamped};
use super::tables::{BASE_KEY, DEVICE_LIST, GROUP, LID, PENDING_INBOUND, PHONE, PRIVACY_TOKEN, SENDER_KEY_DEVICE, SENT_MESSAGE, Table};
use super::{Backend, joined, split};

#[async_trait]
impl ProtocolStore for Backend {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let rows = self.scan(SENDER_KEY_DEVICE, &joined(&[group_jid]))?;
        Ok(rows.into_iter().filter_map(|(key, has_key)| Some((split(&key).pop()?, has_key == [1]))).collect())
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        self.change(|batch| {
            for (device, has_key) in entries {
                batch.put(SENDER_KEY_DEVICE, &joined(&[group_jid, device]), vec![u8::from(*has_key)]);
            }
            Ok(())
        })
        .await
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        self.change(|batch| delete_all(batch, SENDER_KEY_DEVICE, &joined(&[group_jid]))).await
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        self.change(|batch| {
            for (key, _) in batch.scan(SENDER_KEY_DEVICE, &[])? {
                if split(&key).pop().is_some_and(|device| device_jids.contains(&device.as_str())) {
                    batch.delete(SENDER_KEY_DEVICE, &key);
                }
            }
            Ok(())
        })
        .await
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        self.change(|batch| delete_all(batch, SENDER_KEY_DEVICE, &[])).await
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.get_json(LID, lid.as_bytes())
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        match self.get(PHONE, phone.as_bytes())? {
            Some(lid) => self.get_json(LID, &lid),
            None => Ok(None),
        }
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        self.change(|batch| map_lid(batch, entry)).await
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        self.change(|batch| entries.iter().try_for_each(|entry| map_lid(batch, entry))).await
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        self.scan(LID, &[])?.iter().map(|(_, entry)| self.parse_json(entry)).collect()
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        self.change(|batch| {
            batch.put(BASE_KEY, &joined(&[address, message_id]), base_key.to_vec());
            Ok(())
        })
        .await
    }

    async fn has_same_base_key(&self, address: &str, message_id: &str, current_base_key: &[u8]) -> Result<bool> {
        let saved = self.get(BASE_KEY, &joined(&[address, message_id]))?;
        Ok(saved.is_some_and(|saved| saved == current_base_key))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(BASE_KEY, &joined(&[address, message_id]));
            Ok(())
        })
        .await
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        self.change(|batch| batch.put_json(DEVICE_LIST, record.user.as_bytes(), &record)).await
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        self.change(|batch| records.iter().try_for_each(|record| batch.put_json(DEVICE_LIST, record.user.as_bytes(), record))).await
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        self.get_json(DEVICE_LIST, user.as_bytes())
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(DEVICE_LIST, user.as_bytes());
            Ok(())
        })
        .await
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        self.get(GROUP, group_jid.as_bytes())
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.change(|batch| {
            batch.put(GROUP, group_jid.as_bytes(), blob.to_vec());
            Ok(())
        })
        .await
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(GROUP, group_jid.as_bytes());
            Ok(())
        })
        .await
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        self.get_json(PRIVACY_TOKEN, jid.as_bytes())
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        self.change(|batch| batch.put_json(PRIVACY_TOKEN, jid.as_bytes(), entry)).await
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.change(|batch| {
            batch.delete(PRIVACY_TOKEN, jid.as_bytes());
            Ok(())
        })
        .await
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        let rows = self.scan(PRIVACY_TOKEN, &[])?;
        Ok(rows.into_iter().map(|(jid, _)| String::from_utf8_lossy(&jid).into_owned()).collect())
    }

    /// A row goes when neither side of it is live any more.
    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        self.change(|batch| {
            let mut count = 0;
            for (jid, row) in batch.scan(PRIVACY_TOKEN, &[])? {
                let entry: TcTokenEntry = self.parse_json(&row)?;
                let token_live = !entry.token.is_empty() && entry.token_timestamp >= token_cutoff;
                let sender_live = entry.sender_timestamp.is_some_and(|sent| sent >= sender_cutoff);
                if !token_live && !sender_live {
                    batch.delete(PRIVACY_TOKEN, &jid);
                    count += 1;
                }
            }
            Ok(count)
        })
        .await
    }

    /// Moves our side's time forward only; a received token beside it stays.
    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        self.change(|batch| {
            let mut entry = batch.get_json(PRIVACY_TOKEN, jid.as_bytes())?.unwrap_or_else(|| TcTokenEntry {
                token: Vec::new(),
                token_timestamp: sender_timestamp,
                sender_timestamp: None,
            });
            entry.sender_timestamp = entry.sender_timestamp.max(Some(sender_timestamp));
            batch.put_json(PRIVACY_TOKEN, jid.as_bytes(), &entry)
        })
        .await
    }

    /// The newer token wins; a placeholder without a token never does. Our side's time stays.
    async fn store_received_tc_token(&self, jid: &str, token: &[u8], token_timestamp: i64) -> Result<()> {
        self.change(|batch| {
            let before: Option<TcTokenEntry> = batch.get_json(PRIVACY_TOKEN, jid.as_bytes())?;
            let stale = before.as_ref().is_some_and(|before| !before.token.is_empty() && token_timestamp < before.token_timestamp);
            if stale {
                return Ok(());
            }
            let sender_timestamp = before.and_then(|before| before.sender_timestamp);
            let entry = TcTokenEntry { token: token.to_vec(), token_timestamp, sender_timestamp };
            batch.put_json(PRIVACY_TOKEN, jid.as_bytes(), &entry)
        })
        .await
    }

    /// Bounded by time: the library sweeps what is older than two hours every five minutes.
    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        self.change(|batch| {
            batch.put(SENT_MESSAGE, &joined(&[chat_jid, message_id]), stamped(payload));
            Ok(())
        })
        .await
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        let key = joined(&[chat_jid, message_id]);
        self.change(|batch| {
            let Some(row) = batch.get(SENT_MESSAGE, &key)? else { return Ok(None) };
            batch.delete(SENT_MESSAGE, &key);
            payload(row).map(Some)
        })
        .await
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.change(|batch| batch.sweep_stamped(SENT_MESSAGE, cutoff_timestamp)).await
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        self.store_pending_inbound_batch(&[PendingInboundRow { chat, sender, id, message }]).await
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.get_stamped(PENDING_INBOUND, &joined(&[chat, sender, id]))
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        self.delete_pending_inbound_batch(&[PendingInboundKey { chat, sender, id }]).await
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.change(|batch| batch.sweep_stamped(PENDING_INBOUND, cutoff_timestamp)).await
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        self.change(|batch| {
            for row in rows {
                batch.put(PENDING_INBOUND, &joined(&[row.chat, row.sender, row.id]), stamped(row.message));
            }
            Ok(())
        })
        .await
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        self.change(|batch| {
            for key in keys {
                batch.delete(PENDING_INBOUND, &joined(&[key.chat, key.sender, key.id]));
            }
            Ok(())
        })
        .await
    }
}

fn delete_all(batch: &mut Batch<'_>, table: Table, prefix: &[u8]) -> Result<()> {
    for (key, _) in batch.scan(table, prefix)? {
        batch.delete(table, &key);
    }
    Ok(())
}

/// Both directions. A LID that moved to another number frees the old number.
fn map_lid(batch: &mut Batch<'_>, entry: &LidPnMappingEntry) -> Result<()> {
    let before: Option<LidPnMappingEntry> = batch.get_json(LID, entry.lid.as_bytes())?;
    if let Some(before) = before.filter(|before| before.phone_number != entry.phone_number) {
        batch.delete(PHONE, before.phone_number.as_bytes());
    }
    batch.put(PHONE, entry.phone_number.as_bytes(), entry.lid.clone().into_bytes());
    batch.put_json(LID, entry.lid.as_bytes(), entry)
}
