//! Tables of plans: what the registry has, what the local catalogue has, and the steps that follow.
//!
//! Versions are written as `1` (published), `1w` (withdrawn), with `x` for other content, `!` for a
//! local version that is not usable, and `r` for a retired one.

mod pull;
mod push;

use aar_client::Listing;
use aar_types::{
    Application, ApplicationMetadata, ApplicationName, Architecture, Digest, Fingerprint,
    ImageInfo, Revision, Variant, Version, VersionManifest, VersionNumber,
};

use super::{Action, Conflict, Plan, Step};
use crate::local_catalogue::{LocalApplication, LocalVersion, Origin};

struct ApplicationNotation<'a> {
    name: &'a str,
    architecture: Architecture,
    metadata: ApplicationMetadata,
    versions: Vec<&'a str>,
}

/// `name@architecture[tags]: versions`.
fn parse(text: &str) -> ApplicationNotation<'_> {
    let (head, versions) = text.split_once(':').unwrap();
    let (head, tags) = head.split_once('[').unwrap_or((head, "]"));
    let (name, architecture) = head.split_once('@').unwrap_or((head, "amd64"));
    let tags = tags.trim_end_matches(']').split_whitespace();
    ApplicationNotation {
        name: name.trim(),
        architecture: architecture.parse().unwrap(),
        metadata: ApplicationMetadata {
            tags: tags.map(str::to_owned).collect(),
            ..ApplicationMetadata::default()
        },
        versions: versions.split_whitespace().collect(),
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|it| !it.is_empty())
}

fn number(text: &str) -> VersionNumber {
    text.trim_end_matches(['w', 'x', '!', 'r']).parse().unwrap()
}

fn image(text: &str) -> ImageInfo {
    let content = u8::try_from(number(text).0).unwrap() + if text.contains('x') { 128 } else { 0 };
    ImageInfo {
        fingerprint: Fingerprint::from_bytes([content; 32]),
        digest: Digest::from_bytes([content; 32]),
        size: 10,
    }
}

/// The catalogue of the registry `home` at revision 5.
fn listing(text: &str) -> Listing {
    let application = |text| {
        let parsed = parse(text);
        let version = |text: &str| Version {
            number: number(text),
            published: !text.contains('w'),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            manifest: VersionManifest::default(),
            image: image(text),
        };
        Application {
            name: parsed.name.parse().unwrap(),
            variants: vec![Variant {
                architecture: parsed.architecture,
                metadata: parsed.metadata,
                versions: parsed.versions.into_iter().map(version).collect(),
            }],
        }
    };
    Listing {
        registry_id: "home".parse().unwrap(),
        revision: Revision(5),
        etag: None,
        applications: entries(text).map(application).collect(),
    }
}

/// The local catalogue; each entry begins with `i` (imported) or `l` (local).
fn local(text: &str) -> Vec<LocalApplication> {
    let application = |text: &str| {
        let (origin, text) = text.split_once(' ').unwrap();
        let parsed = parse(text);
        let version = |text: &str| LocalVersion {
            number: number(text),
            published: !text.contains(['w', 'r']),
            manifest: VersionManifest::default(),
            image: image(text),
            ready: !text.contains('!'),
            retired: text.contains('r'),
        };
        LocalApplication {
            name: parsed.name.parse().unwrap(),
            origin: match origin {
                "i" => Origin::Imported,
                "l" => Origin::Local,
                other => panic!("{other}"),
            },
            metadata: parsed.metadata,
            versions: parsed.versions.into_iter().map(version).collect(),
            building: false,
        }
    };
    entries(text).map(application).collect()
}

/// A plan in words, in the order of its phases.
fn words(plan: &Plan) -> String {
    let mut words: Vec<_> = plan.steps().map(step).collect();
    words.extend(plan.conflicts.iter().map(conflict));
    words.extend(plan.held.iter().map(|held| {
        let names = held.applications.iter().map(ApplicationName::as_str);
        let names: Vec<_> = names.collect();
        format!("held {}", names.join(" "))
    }));
    words.join(", ")
}

fn step(step: &Step) -> String {
    let name = &step.application;
    match &step.action {
        Action::UpdateMetadata(_) => format!("update {name}"),
        Action::SetPublished(version, true) | Action::PushPublished(version, true) => {
            format!("publish {name}/{version}")
        }
        Action::SetPublished(version, false) | Action::PushPublished(version, false) => {
            format!("withdraw {name}/{version}")
        }
        Action::Import { version, .. } => format!("import {name}/{}", version.number),
        Action::RemoveVersion(version) => format!("remove {name}/{version}"),
        Action::RemoveApplication => format!("remove {name}"),
        Action::PushMetadata(_) => format!("put {name}"),
        Action::PushVersion(version, _) => format!("push {name}/{version}"),
    }
}

fn conflict(conflict: &Conflict) -> String {
    match conflict {
        Conflict::LocalApplication { application } => format!("conflict {application}"),
        Conflict::OtherContent {
            application,
            version,
            ..
        } => format!("conflict {application}/{version}"),
    }
}
