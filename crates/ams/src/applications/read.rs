use ams_api::{Application, ApplicationFilter};

use super::{Applications, filter::Filter, view};
use crate::Error;

impl Applications {
    /// The applications for which every condition of the filter holds, ordered by name.
    pub async fn list(&self, filter: &ApplicationFilter) -> Result<Vec<Application>, Error> {
        let filter = Filter::read(filter)?;
        let stored = self.0.base.store.applications().await?;
        let addons = self.0.base.config.current().addons();
        let shown = stored.iter().map(|it| view::application(it, &addons));
        Ok(shown
            .filter(|application| filter.takes(application))
            .collect())
    }

    /// How many applications there are.
    pub(crate) async fn count(&self) -> Result<u64, Error> {
        self.0.base.store.count_applications().await
    }

    /// The application with this id or name.
    pub async fn get(&self, id_or_name: &str) -> Result<Option<Application>, Error> {
        let stored = self.0.base.store.application(id_or_name).await?;
        let addons = self.0.base.config.current().addons();
        Ok(stored.map(|it| view::application(&it, &addons)))
    }
}
