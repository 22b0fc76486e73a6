//! Where applications stand by what is here now and what the registry had when it was last asked.
//! Nothing is asked and nothing changes: this is for showing what is left to do between rounds, and
//! while the registry is away.

use aar_client::Listing;
use aar_types::Revision;

use crate::{
    AgentStatus, ApplicationState, ApplicationStatus, Conflict, Failure, Held, LocalApplication,
    LocalCatalogue, Mode, assignment::Assignment, site::Site, standing::standings, survey::Survey,
};

/// How things stand.
pub(crate) struct Outlook {
    pub(crate) applications: Vec<ApplicationStatus>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) held: Option<Held>,
}

impl Outlook {
    /// Shows it in place of what was known before.
    pub(crate) fn show(self, status: &mut AgentStatus) {
        status.applications = self.applications;
        status.conflicts = self.conflicts;
        status.held = self.held;
    }
}

/// What went wrong with applications and was not tried again since, whatever the rounds after that
/// were about.
pub(crate) fn failures(status: &AgentStatus) -> Vec<Failure> {
    let applications = status.applications.iter();
    let failed = applications.filter(|it| it.state == ApplicationState::Failed);
    let failure = |it: &ApplicationStatus| Failure {
        application: it.name.clone(),
        version: None,
        error: it.error.clone().unwrap_or_default(),
    };
    failed.map(failure).collect()
}

impl<L: LocalCatalogue> Site<L> {
    /// How things stand; `None` where too little is known to tell.
    pub(crate) async fn outlook(&self, failures: &[Failure]) -> Option<Outlook> {
        let local = self.catalogue.applications().await.ok()?;
        let known = self.known();
        let Some(direction) = self.config.mode.direction() else {
            return Some(self.by_hand(&local, known.as_deref()));
        };
        let registry = match (&known, self.config.mode) {
            (Some(known), _) => Listing::clone(known),
            // Whatever is offered here is yet to be brought to a registry that nobody has seen.
            (None, Mode::Push) => nothing()?,
            (None, _) => return None,
        };
        let assignment = Assignment {
            direction,
            only: None,
        };
        let survey = Survey {
            site: self,
            assignment: &assignment,
            confirmed: &[],
        };
        let plan = survey.outlook(&registry, &local).await.ok()?;
        Some(Outlook {
            applications: standings(&plan, failures),
            conflicts: plan.conflicts,
            held: plan.held,
        })
    }

    fn by_hand(&self, local: &[LocalApplication], known: Option<&Listing>) -> Outlook {
        let applications = self.still_taking_part(local, known);
        let mut conflicts = self.board.read().conflicts;
        conflicts.retain(|it| {
            let mut names = applications.iter().map(|known| &known.name);
            names.any(|name| name == it.application())
        });
        Outlook {
            applications,
            conflicts,
            held: None,
        }
    }

    /// In manual mode those take part that somebody has pushed or pulled, as long as both sides
    /// have them.
    fn still_taking_part(
        &self,
        local: &[LocalApplication],
        known: Option<&Listing>,
    ) -> Vec<ApplicationStatus> {
        let mut shown = self.board.read().applications;
        shown.retain(|it| {
            let here = local.iter().any(|local| local.name == it.name);
            let there = known.is_none_or(|known| {
                let mut names = known.applications.iter().map(|known| &known.name);
                names.any(|name| *name == it.name)
            });
            here && (there || it.state != ApplicationState::Synced)
        });
        shown
    }
}

fn nothing() -> Option<Listing> {
    Some(Listing {
        applications: Vec::new(),
        registry_id: "unknown".parse().ok()?,
        revision: Revision(0),
        etag: None,
    })
}
