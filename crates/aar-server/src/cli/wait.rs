//! `aar wait`: until a version is usable at all sites.

use std::{fmt, str::FromStr, time::Duration};

use aar_cli::{Exit, Failure};
use aar_types::{
    ApplicationInFleet, ApplicationName, Architecture, Fleet, SiteName, VersionAtSite,
    VersionNumber, VersionState, parse_duration,
};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::{
    context::Context,
    fleet_source::{FleetSource, RemoteArguments},
};

const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  usable at all sites that take the application
  1  not usable in time, or the command was refused
  3  usable at all sites that are heard of; some are silent, and are named

Examples:
  aar wait chess@42 --usable
  aar wait chess --usable --sites tokyo,osaka --timeout 30m
  aar wait chess@42 --usable --registry https://aar.example.com:3000 \\
    --fingerprint 2f6c… --certificate ci.crt --key ci.key")]
pub(super) struct WaitArguments {
    /// The application, and the number of its version; the newest one without a number
    #[arg(value_name = "NAME[@VERSION]")]
    target: Target,
    /// Wait until the version is usable
    #[arg(long, required = true)]
    usable: bool,
    /// Only at these sites, by name or fingerprint
    #[arg(long, value_name = "SITES", value_delimiter = ',')]
    sites: Vec<SiteName>,
    /// Only for this architecture
    #[arg(long, value_name = "ARCHITECTURE")]
    architecture: Option<Architecture>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    remote: RemoteArguments,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    name: ApplicationName,
    version: Option<VersionNumber>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let version = version.map(str::parse).transpose();
        Ok(Self {
            name: name.parse().map_err(|error| format!("{error}"))?,
            version: version.map_err(|error: <VersionNumber as FromStr>::Err| error.to_string())?,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "version {version} of {}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

pub(super) async fn run(context: &Context<'_>, arguments: &WaitArguments) -> anyhow::Result<Exit> {
    let source = arguments.remote.source(context)?;
    check_sites(&source.fleet().await?, &arguments.sites)?;
    let deadline = Instant::now() + arguments.timeout;
    let mut waiting_for = String::new();
    loop {
        let found = look(&source, arguments).await?;
        match found.missing() {
            None => return Ok(report(context, &found)),
            Some(missing) if Instant::now() >= deadline => {
                let sentence = format!("{} is not usable everywhere: {missing}", arguments.target);
                return Err(Failure::new(sentence).into());
            }
            Some(missing) if missing != waiting_for => {
                context
                    .printer
                    .note(format_args!("waiting for {}: {missing}", arguments.target));
                waiting_for = missing;
            }
            Some(_) => {}
        }
        sleep(INTERVAL.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

fn check_sites(fleet: &Fleet, names: &[SiteName]) -> Result<(), Failure> {
    let is_known = |name: &&SiteName| fleet.sites.iter().any(|site| name.matches(site));
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let unknown = format!("no trusted site has the name or fingerprint {name}");
            Err(Failure::new(unknown).with_hint("list the sites with `aar fleet`"))
        }
    }
}

/// The version at the sites that the command is about.
#[derive(Debug, Default)]
struct Found {
    version: Option<VersionNumber>,
    sites: Vec<VersionAtSite>,
    /// Whether the sites were named, so that each of them has to take the application.
    are_named: bool,
}

async fn look(source: &FleetSource<'_>, arguments: &WaitArguments) -> anyhow::Result<Found> {
    let application = source.application(&arguments.target.name).await?;
    Ok(application.map_or_else(Found::default, |found| select(found, arguments)))
}

fn select(application: ApplicationInFleet, arguments: &WaitArguments) -> Found {
    let architecture = arguments.architecture;
    let versions = application.versions.into_iter();
    let versions: Vec<_> = versions
        .filter(|it| architecture.is_none_or(|architecture| it.architecture == architecture))
        .collect();
    let newest = versions.iter().map(|it| it.number).max();
    let version = arguments.target.version.or(newest);
    let mut versions: Vec<_> = versions
        .into_iter()
        .filter(|it| Some(it.number) == version)
        .collect();
    let sites = versions.iter_mut().flat_map(|it| it.sites.drain(..));
    let names = &arguments.sites;
    let is_named = |site: &VersionAtSite| {
        let mut names = names.iter();
        names.any(|name| name.stands_for(&site.site, &site.fingerprint))
    };
    let sites: Vec<_> = sites
        .filter(|site| names.is_empty() || is_named(site))
        .collect();
    Found {
        version: version.filter(|_| !versions.is_empty()),
        sites: best_of_each_site(sites),
        are_named: !names.is_empty(),
    }
}

/// A version exists for several architectures, and each site has one of them.
fn best_of_each_site(sites: Vec<VersionAtSite>) -> Vec<VersionAtSite> {
    let mut best: Vec<VersionAtSite> = Vec::new();
    for site in sites {
        match best
            .iter_mut()
            .find(|it| it.fingerprint == site.fingerprint)
        {
            Some(known) if known.state == VersionState::OtherArchitecture => *known = site,
            Some(_) => {}
            None => best.push(site),
        }
    }
    best
}

impl Found {
    /// The reason to wait; `None` if the version is usable.
    fn missing(&self) -> Option<String> {
        if self.version.is_none() {
            return Some("it is not published in the registry".to_owned());
        }
        let is_missing = |site: &&VersionAtSite| {
            let is_left_out = !matches!(site.state, VersionState::Usable | VersionState::Silent);
            site.state.is_awaited() || (self.are_named && is_left_out)
        };
        let missing: Vec<_> = self.sites.iter().filter(is_missing).map(shown).collect();
        if !missing.is_empty() {
            return Some(missing.join(", "));
        }
        let takes = |state| !self.of(state).is_empty();
        let is_taken = takes(VersionState::Usable) || takes(VersionState::Silent);
        (!is_taken).then(|| "no site takes it".to_owned())
    }

    fn of(&self, state: VersionState) -> Vec<&str> {
        let sites = self.sites.iter().filter(|site| site.state == state);
        sites.map(|site| site.site.as_str()).collect()
    }
}

fn shown(site: &VersionAtSite) -> String {
    let progress = match (site.bytes, site.total) {
        (Some(bytes), Some(total @ 1..)) => {
            format!(" {} %", u128::from(bytes) * 100 / u128::from(total))
        }
        _ => String::new(),
    };
    let reason = match &*site.reason {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("{} ({}{progress}{reason})", site.site, site.state)
}

fn report(context: &Context<'_>, found: &Found) -> Exit {
    let usable = found.of(VersionState::Usable);
    let silent = [
        found.of(VersionState::Silent),
        found.of(VersionState::Unknown),
    ]
    .concat();
    let printer = context.printer;
    if !usable.is_empty() {
        printer.note(format_args!("usable at {}", usable.join(", ")));
    }
    if silent.is_empty() {
        return Exit::Done;
    }
    printer.warn(format_args!("not heard of: {}", silent.join(", ")));
    Exit::Incomplete
}

#[cfg(test)]
mod tests {
    use aar_types::Fingerprint;

    use super::*;

    fn at(site: &str, state: VersionState) -> VersionAtSite {
        VersionAtSite {
            site: site.to_owned(),
            fingerprint: Fingerprint::from_bytes([site.as_bytes()[0]; 32]),
            state,
            reason: String::new(),
            bytes: None,
            total: None,
        }
    }

    fn found(sites: Vec<VersionAtSite>, are_named: bool) -> Found {
        Found {
            version: Some(VersionNumber(1)),
            sites,
            are_named,
        }
    }

    #[test]
    fn target_is_a_name_with_or_without_a_version() {
        let target: Target = "chess@42".parse().unwrap();
        assert_eq!(target.version, Some(VersionNumber(42)));
        assert_eq!("chess".parse::<Target>().unwrap().version, None);
        for bad in ["", "@1", "chess@", "chess@x", "../x@1"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_named_sites_have_to_take_the_application() {
        let mut arriving = at("tokyo", VersionState::Arriving);
        (arriving.bytes, arriving.total) = (Some(43), Some(100));
        let mut failed = at("osaka", VersionState::Failed);
        failed.reason = "no space".to_owned();
        let waiting = found(vec![arriving, failed], false);
        assert_eq!(
            waiting.missing().unwrap(),
            "tokyo (arriving 43 %), osaka (failed: no space)"
        );
        let filtered = || vec![at("oslo", VersionState::Filtered)];
        assert_eq!(
            found(filtered(), false).missing().unwrap(),
            "no site takes it"
        );
        let usable = at("tokyo", VersionState::Usable);
        let beside = [filtered(), vec![usable]].concat();
        assert_eq!(found(beside, false).missing(), None);
        assert_eq!(
            found(filtered(), true).missing().unwrap(),
            "oslo (filtered)"
        );
        assert!(Found::default().missing().is_some());
    }

    #[test]
    fn site_is_compared_with_the_version_for_its_architecture() {
        let sites = vec![
            at("a", VersionState::OtherArchitecture),
            at("b", VersionState::Usable),
            at("a", VersionState::Pending),
            at("b", VersionState::OtherArchitecture),
        ];
        let states: Vec<_> = best_of_each_site(sites).iter().map(|it| it.state).collect();
        assert_eq!(states, [VersionState::Pending, VersionState::Usable]);
    }
}
