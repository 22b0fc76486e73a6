use std::path::PathBuf;

use aar_cli::Exit;
use aar_registry::TrustAdded;
use aar_tls::{Certificate, Validity};
use aar_types::Role;
use clap::Args;

use super::certificate;
use crate::{cli::context::Context, new_trust::new_trust};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar trust add client.crt
  aar trust add --publisher build.crt
  aar trust add < client.crt")]
pub(in crate::cli) struct AddArguments {
    /// The file with the certificate; default: standard input
    path: Option<PathBuf>,
    /// Allow the owner to publish, change and delete applications
    #[arg(short, long)]
    publisher: bool,
    /// Suppress warnings
    #[arg(short, long)]
    quiet: bool,
}

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
    let opened = context.open().await?;
    let added = opened
        .operator
        .trust_add(new_trust(&certificate, role))
        .await?;
    opened.close().await;
    context.notify_service().await;
    context.printer.note(outcome(&certificate, role, added));
    Ok(Exit::Done)
}

fn warn(context: &Context<'_>, certificate: &Certificate, role: Role) {
    let printer = context.printer;
    if role == Role::Publisher && printer.is_interactive() {
        printer.warn("a publisher can change and delete all applications of the registry");
    }
    if certificate.may_sign_others() {
        printer.warn(
            "the certificate may sign others: only itself is trusted, not the certificates that it signs",
        );
    }
    match certificate.validity_at(context.clock.now()) {
        Validity::Valid => {}
        Validity::Expired => printer.warn(format_args!(
            "the certificate expired on {}: the registry refuses it",
            certificate.not_after()
        )),
        Validity::NotYetValid => printer.warn(format_args!(
            "the certificate is not valid before {}: the registry refuses it until then",
            certificate.not_before()
        )),
    }
}

fn outcome(certificate: &Certificate, role: Role, added: TrustAdded) -> String {
    let fingerprint = certificate.fingerprint();
    match added {
        TrustAdded::Added => format!("{fingerprint} is trusted as {role}"),
        TrustAdded::AlreadyTrusted => format!("{fingerprint} is already trusted as {role}"),
        TrustAdded::RoleChanged { from } => {
            format!("{fingerprint} is now trusted as {role} instead of {from}")
        }
    }
}
