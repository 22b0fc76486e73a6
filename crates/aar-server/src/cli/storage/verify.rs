use aar_cli::{Bytes, DocumentFormat, Exit};
use aar_registry::{VerifyOptions, VerifyReport};
use clap::Args;

use crate::cli::context::Context;

/// `storage verify [--repair] [--quick] [--format FORMAT]`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// Bring database and descriptors to agree where it is clear how, and remove images that are
    /// corrupt
    #[arg(long)]
    repair: bool,
    /// Compare sizes only, without reading every image
    #[arg(long)]
    quick: bool,
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

/// Prints what was found. What is wrong makes the command fail.
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
    Ok(conclude(context, &report, arguments.repair))
}

fn conclude(context: &Context<'_>, report: &VerifyReport, repair: bool) -> Exit {
    let printer = context.printer;
    if report.is_sound() {
        let (images, bytes) = (report.blobs, Bytes(report.bytes));
        printer.note(format_args!("{images} images are sound, {bytes} were read"));
        return Exit::Done;
    }
    printer.warn("database and storage do not agree");
    let described = report.undescribed.is_empty() && report.stray.is_empty();
    if !described && !repair {
        printer.hint(
            "`aar storage verify --repair` writes descriptors anew, takes over revocations, and removes \
             descriptors that nothing belongs to",
        );
    }
    if !report.stray.is_empty() && repair {
        printer.hint(
            "a stray version is there again once it is pushed again; what nobody wants is removed by hand",
        );
    }
    if report.removed.len() < report.corrupt.len() {
        printer.hint(
            "`aar storage verify --repair` removes corrupt images, which are not replaced otherwise",
        );
    }
    if !report.affected.is_empty() {
        printer.hint(
            "`aar application delete NAME` here, then `amc registry push` where the application \
             comes from, replace what is affected",
        );
    }
    Exit::Failed
}
