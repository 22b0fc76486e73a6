use std::path::PathBuf;

use aar_cli::Exit;
use aar_registry::{NewTrust, TrustAdded};
use aar_tls::{Certificate, Validity};
use aar_types::Role;
use clap::Args;

use super::certificate;
use crate::cli::context::Context;

/// `trust add [PATH] [-p] [-q]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddArguments {
    /// The file with the certificate; standard input where none is named
    path: Option<PathBuf>,
    /// Let its owner write, too: publish, change and delete applications
    #[arg(short, long)]
    publisher: bool,
    /// Do not warn
    #[arg(short, long)]
    quiet: bool,
}

/// Trusts the certificate from now on.
pub(super) async fn run(context: &Context<'_>, arguments: &AddArguments) -> anyhow::Result<Exit> {
    let certificate = certificate::read(context.printer, arguments.path.as_deref())?;
    let role = if arguments.publisher {
        Role::Publisher
    } else {
        Role::Client
    };
    if !arguments.quiet {
        warn(context, &certificate, role);
    }
    let opened = context.open_or_create().await?;
    let added = opened
        .operator
        .trust_add(describe(&certificate, role))
        .await?;
    opened.close().await;
    context.announce().await;
    context.printer.note(outcome(&certificate, role, added));
    Ok(Exit::Done)
}

fn warn(context: &Context<'_>, certificate: &Certificate, role: Role) {
    let printer = context.printer;
    if role == Role::Publisher && printer.is_interactive() {
        printer.warn("a publisher may change and delete every application of the registry");
    }
    match certificate.validity_at(context.clock.now()) {
        Validity::Valid => {}
        Validity::Expired => printer.warn(format_args!(
            "the certificate has expired on {}; it is refused",
            certificate.not_after()
        )),
        Validity::NotYetValid => printer.warn(format_args!(
            "the certificate is not valid before {}; it is refused until then",
            certificate.not_before()
        )),
    }
}

fn describe(certificate: &Certificate, role: Role) -> NewTrust {
    NewTrust {
        fingerprint: certificate.fingerprint(),
        der: certificate.der().to_vec(),
        role,
        subject: certificate.subject(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    }
}

fn outcome(certificate: &Certificate, role: Role, added: TrustAdded) -> String {
    let fingerprint = certificate.fingerprint();
    match added {
        TrustAdded::Added => format!("{fingerprint} is trusted as {role}"),
        TrustAdded::AlreadyTrusted => format!("{fingerprint} is trusted as {role} already"),
        TrustAdded::RoleChanged { from } => {
            format!("{fingerprint} is trusted as {role} now, no longer as {from}")
        }
    }
}
