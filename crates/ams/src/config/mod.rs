//! The configuration items: what `amc config set` changes while AMS runs.
//!
//! [`items`] is the table of what there is; this module keeps the values, hands out consistent
//! snapshots of them ([`Configuration`]), and tells whoever watches of every change at once.

pub mod items;
mod masked;
mod password;
mod values;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use ams_api::config_items::{CORE_HTTPS_ADDRESS, CORE_TRUST_PASSWORD};
use serde_json::Value;
use tokio::sync::{Mutex, watch};

use crate::{Error, store::Store};
use items::Item;

pub use values::{Configuration, RegistryTarget};

/// The configuration items. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Config(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    current: watch::Sender<Arc<Configuration>>,
    /// Held from the write until its snapshot is out, so that snapshots come in order; also while
    /// a password is checked, so that guessing costs the guessers and not the machine.
    writing: Mutex<()>,
    checking: Mutex<()>,
}

impl Config {
    pub(crate) async fn open(store: Store) -> Result<Self, Error> {
        let current = Arc::new(load(&store).await?);
        Ok(Self(Arc::new(Inner {
            store,
            current: watch::Sender::new(current),
            writing: Mutex::new(()),
            checking: Mutex::new(()),
        })))
    }

    /// The values at this moment.
    pub fn current(&self) -> Arc<Configuration> {
        Arc::clone(&self.0.current.borrow())
    }

    /// The values from now on.
    pub fn changes(&self) -> watch::Receiver<Arc<Configuration>> {
        self.0.current.subscribe()
    }

    /// How many requests a second are answered.
    pub fn max_requests_per_second(&self) -> u32 {
        self.current().max_requests_per_second()
    }

    /// Every item with its value, as the API shows it: numbers and booleans as such, secrets as
    /// `set` or nothing.
    pub fn shown(&self) -> BTreeMap<String, Value> {
        let current = self.current();
        let shown = |item: &Item| (item.name.to_owned(), item.show(current.get(item.name)));
        items::ITEMS.iter().map(shown).collect()
    }

    /// Sets an item; an empty value gives it its default again. An address that is given as it is
    /// shown, with a mask in the place of its password, is left as it is.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let item = items::find(name)?;
        if item.hides_password(value) {
            let unchanged = item.show(self.current().get(item.name)) == value.trim();
            return unchanged.then_some(()).ok_or_else(|| item.refuse_mask());
        }
        let value = item.accept(value)?;
        let stored = match value {
            Some(password) if item.name == CORE_TRUST_PASSWORD => {
                Some(password::hash(password).await?)
            }
            other => other,
        };
        let config = self.clone();
        let write = async move { config.write(item, stored.as_deref()).await };
        tokio::spawn(write).await?
    }

    /// Tells the address that AMS really listens on, for `core.https_address`.
    pub fn listening_on(&self, address: SocketAddr) {
        self.0.current.send_modify(|current| {
            let mut next = Configuration::clone(current);
            next.put(CORE_HTTPS_ADDRESS, address.to_string());
            *current = Arc::new(next);
        });
    }

    /// Whether this is the trust password. Never, while none is set.
    pub(crate) async fn is_trust_password(&self, candidate: &str) -> Result<bool, Error> {
        let current = self.current();
        let hash = current.get(CORE_TRUST_PASSWORD);
        if hash.is_empty() || candidate.is_empty() {
            return Ok(false);
        }
        let _one_at_a_time = self.0.checking.lock().await;
        password::matches(candidate.to_owned(), hash.to_owned()).await
    }

    async fn write(&self, item: &'static Item, value: Option<&str>) -> Result<(), Error> {
        let _in_order = self.0.writing.lock().await;
        self.0.store.set_config(item.name, value).await?;
        self.0.current.send_modify(|current| {
            let mut next = Configuration::clone(current);
            next.set(item.name, value);
            *current = Arc::new(next);
        });
        tracing::info!(item = item.name, "configuration changed");
        Ok(())
    }
}

async fn load(store: &Store) -> Result<Configuration, Error> {
    let mut configuration = Configuration::default();
    for (name, value) in store.config().await? {
        if let Ok(item) = items::find(&name) {
            configuration.put(item.name, value);
        } else {
            tracing::warn!(item = name, "an unknown configuration item is ignored");
        }
    }
    Ok(configuration)
}
