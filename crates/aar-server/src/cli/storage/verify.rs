use aar_cli::{Bytes, DocumentFormat, Exit};
use aar_registry::{VerifyOptions, VerifyReport};
use clap::Args;

use crate::cli::context::Context;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aar storage verify --quick
  aar storage verify --repair --format json")]
pub(in crate::cli) struct VerifyArguments {
    /// Repair descriptors where the correct content is known, and remove corrupt images
    #[arg(long)]
    repair: bool,
    /// Compare only sizes, without reading images
    #[arg(long)]
    quick: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

/// Prints a report. The command fails if it has findings.
pub(super) async fn run(
    context: &Context<'_>,
    arguments: &VerifyArguments,
) -> anyhow::Result<Exit> {
    let opened = context.open().await?;
    let options = VerifyOptions {
        deep: !arguments.quick,
        repair: arguments.repair,
    };
    let report = opened.operator.verify(options).await?;
    context.printer.document(arguments.format, &report)?;
    opened.close().await;
    if arguments.quick {
        context.printer.note(
            "the content of the images was not read: damage that keeps the size of an image is found only \
             without --quick",
        );
    }
    Ok(conclude(context, &report, arguments))
}

fn conclude(context: &Context<'_>, report: &VerifyReport, arguments: &VerifyArguments) -> Exit {
    let (printer, repair) = (context.printer, arguments.repair);
    if report.is_sound() {
        printer.note(verified(report, arguments.quick));
        return Exit::Done;
    }
    printer.warn("database and storage differ");
    let is_described = report.undescribed.is_empty() && report.stray.is_empty();
    if !is_described && !repair {
        printer.hint(
            "`aar storage verify --repair` writes missing descriptors, restores revocations, and removes \
             descriptors without version",
        );
    }
    if !report.stray.is_empty() && repair {
        printer.hint(
            "push a stray version again to restore it, or delete its descriptor from the storage",
        );
    }
    if report.removed.len() < report.corrupt.len() {
        printer.hint(
            "`aar storage verify --repair` removes corrupt images, so that they can be uploaded again",
        );
    }
    if !report.affected.is_empty() {
        printer.hint(
            "to replace affected versions, run `aar application delete NAME` here, then `amc registry push` \
             on the publisher",
        );
    }
    Exit::Failed
}

fn verified(report: &VerifyReport, quick: bool) -> String {
    let (images, bytes) = (report.blobs, Bytes(report.bytes));
    if quick {
        format!("{images} images have the expected size")
    } else {
        format!("{images} images verified, {bytes} read")
    }
}
