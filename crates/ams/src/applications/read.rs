use ams_api::{Application, ApplicationFilter};

use super::{Applications, filter::ListingFilter, view};
use crate::Error;

impl Applications {
    /// The applications that match the filter, ordered by name.
    pub async fn list(&self, filter: &ApplicationFilter) -> Result<Vec<Application>, Error> {
        let filter = ListingFilter::parse(filter)?;
        let stored = self.0.services.store.applications().await?;
        let addons = self.0.services.config.current().addons();
        let shown = stored.iter().map(|it| view::application(it, &addons));
        Ok(shown
            .filter(|application| filter.matches(application))
            .collect())
    }

    pub(crate) async fn count(&self) -> Result<u64, Error> {
        self.0.services.store.count_applications().await
    }

    pub async fn get(&self, id_or_name: &str) -> Result<Option<Application>, Error> {
        let stored = self.0.services.store.application(id_or_name).await?;
        let addons = self.0.services.config.current().addons();
        Ok(stored.map(|it| view::application(&it, &addons)))
    }
}
