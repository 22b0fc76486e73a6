use std::{collections::BTreeMap, time::Duration};

use aar_cli::{Age, Bytes, Printer, Progress};
use ams_api::{AmsClient, Transfer};
use tokio::time::sleep;

/// How often AMS is asked how far it is.
const PERIOD: Duration = Duration::from_millis(400);
/// How long a bar is.
const WIDTH: usize = 30;

/// Draws what is on its way while the work runs, and returns what that returns. The bars are only
/// for the eye: what goes wrong with them is left to the work itself to tell.
pub(crate) async fn drawn<T>(
    printer: &Printer,
    client: &AmsClient,
    work: impl Future<Output = T>,
) -> T {
    if !printer.is_animated() {
        return work.await;
    }
    tokio::select! {
        biased;
        result = work => result,
        never = draw(printer, client) => match never {},
    }
}

async fn draw(printer: &Printer, client: &AmsClient) -> std::convert::Infallible {
    let mut bars = Bars::default();
    loop {
        sleep(PERIOD).await;
        if let Ok(status) = client.registry_status().await {
            bars.show(printer, &status.transfers);
        }
    }
}

/// One line for each transfer.
#[derive(Default)]
struct Bars(BTreeMap<String, Progress>);

impl Bars {
    fn show(&mut self, printer: &Printer, transfers: &[Transfer]) {
        let labels: Vec<_> = transfers.iter().map(label).collect();
        self.0.retain(|label, bar| {
            let runs = labels.contains(label);
            if !runs {
                bar.finish();
            }
            runs
        });
        for (label, transfer) in labels.into_iter().zip(transfers) {
            let new = || printer.progress(&label, None);
            let bar = self.0.entry(label.clone()).or_insert_with(new);
            bar.working(&format!("{label} {}", drawing(transfer)));
        }
    }
}

/// How far a transfer is. AMS knows how fast it goes: what was there before it began is no speed.
fn drawing(transfer: &Transfer) -> String {
    let Transfer { bytes, total, .. } = *transfer;
    let done = usize::try_from(u128::from(bytes) * WIDTH as u128 / u128::from(total.max(1)));
    let done = done.unwrap_or(WIDTH).min(WIDTH);
    let bar = format!("{:<WIDTH$}", "=".repeat(done));
    let speed = transfer.bytes_per_second;
    let rest = total.saturating_sub(bytes).checked_div(speed);
    let rest = rest.map_or(String::new(), |rest| format!(" {} left", Age(rest)));
    format!(
        "[{bar}] {}/{} {}/s{rest}",
        Bytes(bytes),
        Bytes(total),
        Bytes(speed)
    )
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.0.values().for_each(Progress::finish);
    }
}

fn label(transfer: &Transfer) -> String {
    format!(
        "{} {} {}",
        transfer.direction.as_str(),
        transfer.application,
        transfer.version
    )
}

#[cfg(test)]
mod tests {
    use ams_api::TransferDirection;

    use super::*;

    fn transfer(application: &str, bytes: u64) -> Transfer {
        Transfer {
            application: application.to_owned(),
            version: 1,
            direction: TransferDirection::Pull,
            bytes,
            total: 100,
            bytes_per_second: 10,
        }
    }

    #[test]
    fn each_transfer_has_a_bar_as_long_as_it_runs() {
        let (printer, _) = Printer::captured();
        let mut bars = Bars::default();
        bars.show(&printer, &[transfer("a", 10), transfer("b", 20)]);
        bars.show(&printer, &[transfer("b", 30)]);
        let shown: Vec<_> = bars.0.keys().collect();
        assert_eq!(shown, ["pull b 1"]);
    }

    #[test]
    fn the_speed_is_that_of_ams_however_much_was_there_before() {
        let resumed = Transfer {
            bytes: 512 << 20,
            total: 1 << 30,
            bytes_per_second: 64 << 20,
            ..transfer("a", 0)
        };
        let bar = "===============               ";
        let expected = format!("[{bar}] 512.0MiB/1.0GiB 64.0MiB/s 8s left");
        assert_eq!(drawing(&resumed), expected);
        let begun = Transfer {
            bytes_per_second: 0,
            ..resumed
        };
        assert!(drawing(&begun).ends_with(" 0B/s"), "{}", drawing(&begun));
    }
}
