//! The configuration items, which `amc config set` changes while AMS runs.
//!
//! `items.rs` defines them. This module stores their values, returns consistent snapshots of them
//! ([`ConfigValues`]), and notifies watchers of every change.

mod items;
mod masked;
mod password;
mod value_type;
mod values;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use ams_api::config_items::{CORE_HTTPS_ADDRESS, CORE_TRUST_PASSWORD};
use serde_json::Value;
use tokio::sync::{Mutex, watch};

use crate::{Error, store::Store};
use items::ConfigItem;

pub use items::reference;
pub(crate) use value_type::{parse_flag, parse_list};
pub use values::{ConfigValues, RegistryTarget};

/// The configuration items. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Config(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    current: watch::Sender<Arc<ConfigValues>>,
    /// Held from the write until its snapshot is sent, so that snapshots are in order.
    write_lock: Mutex<()>,
    /// Allows one password check at a time: the hash is costly, and many guesses at once must not
    /// occupy the machine.
    password_lock: Mutex<()>,
}

impl Config {
    pub(crate) async fn open(store: Store) -> Result<Self, Error> {
        let current = Arc::new(load(&store).await?);
        Ok(Self(Arc::new(Inner {
            store,
            current: watch::Sender::new(current),
            write_lock: Mutex::new(()),
            password_lock: Mutex::new(()),
        })))
    }

    pub fn current(&self) -> Arc<ConfigValues> {
        Arc::clone(&self.0.current.borrow())
    }

    /// The values after every change from now on.
    pub fn changes(&self) -> watch::Receiver<Arc<ConfigValues>> {
        self.0.current.subscribe()
    }

    /// The values of all items as the API shows them, without secrets.
    pub fn display_values(&self) -> BTreeMap<String, Value> {
        let current = self.current();
        let display = |item: &ConfigItem| {
            let value = item.display(current.get(item.name));
            (item.name.to_owned(), value)
        };
        let known = items::ITEMS.iter().map(display);
        let others = current.without_effect().filter_map(|(name, value)| {
            let item = items::find(name).ok()?;
            Some((name.to_owned(), item.display(value)))
        });
        known.chain(others).collect()
    }

    /// Sets an item; an empty value restores its default. A URL that equals the shown one, with a
    /// masked password, changes nothing.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let item = items::find(name)?;
        if item.has_masked_password(value) {
            let unchanged = item.display(self.current().get(name)) == value.trim();
            return unchanged
                .then_some(())
                .ok_or_else(|| item.masked_password_error());
        }
        let value = item.parse(value)?;
        let stored = match value {
            Some(password) if name == CORE_TRUST_PASSWORD => Some(password::hash(password).await?),
            other => other,
        };
        let (config, name) = (self.clone(), name.to_owned());
        let write = async move { config.write(&name, stored.as_deref()).await };
        tokio::spawn(write).await?
    }

    /// Sets the value of `core.https_address` to the address that AMS listens on.
    pub fn listening_on(&self, address: SocketAddr) {
        self.0.current.send_modify(|current| {
            let mut next = ConfigValues::clone(current);
            next.set(CORE_HTTPS_ADDRESS, Some(&address.to_string()));
            *current = Arc::new(next);
        });
    }

    /// Whether this is the trust password. `false` while none is set.
    pub(crate) async fn is_trust_password(&self, candidate: &str) -> Result<bool, Error> {
        let current = self.current();
        let hash = current.get(CORE_TRUST_PASSWORD);
        if hash.is_empty() || candidate.is_empty() {
            return Ok(false);
        }
        let _lock = self.0.password_lock.lock().await;
        password::matches(candidate.to_owned(), hash.to_owned()).await
    }

    async fn write(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        let _lock = self.0.write_lock.lock().await;
        self.0.store.set_config(name, value).await?;
        self.0.current.send_modify(|current| {
            let mut next = ConfigValues::clone(current);
            next.set(name, value);
            *current = Arc::new(next);
        });
        tracing::info!(item = name, "configuration changed");
        Ok(())
    }
}

async fn load(store: &Store) -> Result<ConfigValues, Error> {
    let mut values = ConfigValues::default();
    for (name, value) in store.config().await? {
        if items::find(&name).is_ok() {
            values.set(&name, Some(&value));
        } else {
            tracing::warn!(
                item = name,
                "ignoring an unknown configuration item in the database"
            );
        }
    }
    Ok(values)
}
