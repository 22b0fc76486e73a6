//! The short notation in which the tables of the plans are written.

use aar_client::Listing;
use aar_types::{
    Application, ApplicationMetadata, ApplicationName, Architecture, Digest, Fingerprint,
    ImageInfo, Revision, Variant, Version, VersionManifest, VersionNumber,
};

use crate::{
    Conflict, LocalApplication, LocalVersion, Origin, PullAction, PullPlan, PushAction, PushPlan,
};

struct Entry<'a> {
    name: &'a str,
    architecture: Architecture,
    metadata: ApplicationMetadata,
    versions: Vec<&'a str>,
}

/// `name@architecture[tags]: versions`.
fn entry(text: &str) -> Entry<'_> {
    let (head, versions) = text.split_once(':').unwrap();
    let (head, tags) = head.split_once('[').unwrap_or((head, "]"));
    let (name, architecture) = head.split_once('@').unwrap_or((head, "amd64"));
    let tags = tags.trim_end_matches(']').split_whitespace();
    Entry {
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
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
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

/// What the registry `home` has at revision 5.
pub(crate) fn listing(text: &str) -> Listing {
    let application = |text| {
        let entry = entry(text);
        let version = |text: &str| Version {
            number: number(text),
            published: !text.contains('w'),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            manifest: VersionManifest::default(),
            image: image(text),
        };
        Application {
            name: entry.name.parse().unwrap(),
            variants: vec![Variant {
                architecture: entry.architecture,
                metadata: entry.metadata,
                versions: entry.versions.into_iter().map(version).collect(),
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

/// What is here; each entry begins with `i` (imported) or `l` (local).
pub(crate) fn local(text: &str) -> Vec<LocalApplication> {
    let application = |text: &str| {
        let (origin, text) = text.split_once(' ').unwrap();
        let entry = entry(text);
        let version = |text: &str| LocalVersion {
            number: number(text),
            published: !text.contains(['w', 'r']),
            manifest: VersionManifest::default(),
            image: image(text),
            ready: !text.contains('!'),
            retired: text.contains('r'),
        };
        LocalApplication {
            name: entry.name.parse().unwrap(),
            origin: match origin {
                "i" => Origin::Imported,
                "l" => Origin::Local,
                other => panic!("{other}"),
            },
            metadata: entry.metadata,
            versions: entry.versions.into_iter().map(version).collect(),
            building: false,
        }
    };
    entries(text).map(application).collect()
}

/// A plan in words.
pub(crate) fn steps(plan: &PullPlan) -> String {
    let step = |action: &PullAction| match action {
        PullAction::UpdateMetadata { application, .. } => format!("update {application}"),
        PullAction::SetPublished {
            application,
            version,
            published,
        } => set_published(*published, application.as_str(), *version),
        PullAction::Import {
            application,
            version,
            ..
        } => format!("import {application}/{}", version.number),
        PullAction::RemoveVersion {
            application,
            version,
        } => format!("remove {application}/{version}"),
        PullAction::RemoveApplication { application } => format!("remove {application}"),
    };
    let mut words: Vec<_> = plan.actions.iter().map(step).collect();
    words.extend(plan.conflicts.iter().map(conflict));
    words.extend(plan.held.iter().map(|held| {
        let names: Vec<_> = held
            .applications
            .iter()
            .map(ApplicationName::as_str)
            .collect();
        format!("held {}", names.join(" "))
    }));
    words.join(", ")
}

/// A plan in words.
pub(crate) fn push_steps(plan: &PushPlan) -> String {
    let step = |action: &PushAction| match action {
        PushAction::PutApplication { application, .. } => format!("put {application}"),
        PushAction::SetPublished {
            application,
            version,
            published,
        } => set_published(*published, application.as_str(), *version),
        PushAction::Push {
            application,
            version,
            ..
        } => format!("push {application}/{version}"),
    };
    let mut words: Vec<_> = plan.actions.iter().map(step).collect();
    words.extend(plan.conflicts.iter().map(conflict));
    words.join(", ")
}

fn set_published(published: bool, name: &str, version: VersionNumber) -> String {
    let verb = if published { "offer" } else { "withdraw" };
    format!("{verb} {name}/{version}")
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
