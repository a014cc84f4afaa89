//! The device row: keys, identity and counters of the linked device.

use async_trait::async_trait;
use wacore::store::Device;
use wacore::store::error::Result;
use wacore::store::traits::DeviceStore;

use super::tables::DEVICE;
use super::{Backend, to_json};

/// There is one device per company.
const ONLY_DEVICE: i32 = 1;

#[async_trait]
impl DeviceStore for Backend {
    /// Writes only what differs: the library saves on every start, mostly for fields that aren't stored.
    async fn save(&self, device: &Device) -> Result<()> {
        let row = to_json(device)?;
        self.change(|batch| {
            if batch.get(DEVICE, b"")?.as_ref() != Some(&row) {
                batch.put(DEVICE, b"", row);
            }
            Ok(())
        })
        .await
    }

    async fn load(&self) -> Result<Option<Device>> {
        self.get_json(DEVICE, b"")
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self.get(DEVICE, b"")?.is_some())
    }

    async fn create(&self) -> Result<i32> {
        self.change(|batch| {
            if batch.get(DEVICE, b"")?.is_none() {
                batch.put_json(DEVICE, b"", &Device::new())?;
            }
            Ok(ONLY_DEVICE)
        })
        .await
    }
}
