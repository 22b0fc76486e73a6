use std::{collections::BTreeMap, time::Duration};

use aar_cli::{Bytes, Printer, Progress, Seconds};
use ams_api::{AmsClient, Transfer};
use tokio::time::sleep;

const POLL_INTERVAL: Duration = Duration::from_millis(400);
/// In characters.
const WIDTH: usize = 30;

/// Draws a bar for each transfer while `work` runs. Errors of the polling are ignored: `work` reports
/// the same ones.
pub(super) async fn with_bars<T>(
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
    let mut bars = TransferBars::default();
    loop {
        sleep(POLL_INTERVAL).await;
        if let Ok(status) = client.registry_status().await {
            bars.show(printer, &status.transfers);
        }
    }
}

#[derive(Default)]
struct TransferBars(BTreeMap<String, Progress>);

impl TransferBars {
    fn show(&mut self, printer: &Printer, transfers: &[Transfer]) {
        let labels: Vec<_> = transfers.iter().map(label).collect();
        self.0.retain(|label, bar| {
            let is_running = labels.contains(label);
            if !is_running {
                bar.finish();
            }
            is_running
        });
        for (label, transfer) in labels.into_iter().zip(transfers) {
            let new = || printer.progress(&label, None);
            let bar = self.0.entry(label.clone()).or_insert_with(new);
            bar.spin(&format!("{label} {}", bar_text(transfer)));
        }
    }
}

/// The speed is the one that AMS reports: bytes of an earlier attempt do not count.
fn bar_text(transfer: &Transfer) -> String {
    let Transfer { bytes, total, .. } = *transfer;
    let done = usize::try_from(u128::from(bytes) * WIDTH as u128 / u128::from(total.max(1)));
    let done = done.unwrap_or(WIDTH).min(WIDTH);
    let bar = format!("{:<WIDTH$}", "=".repeat(done));
    let speed = transfer.bytes_per_second;
    let left = total.saturating_sub(bytes).checked_div(speed);
    let left = left.map_or(String::new(), |left| format!(" {} left", Seconds(left)));
    format!(
        "[{bar}] {}/{} {}/s{left}",
        Bytes(bytes),
        Bytes(total),
        Bytes(speed)
    )
}

impl Drop for TransferBars {
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
    fn bar_disappears_with_its_transfer() {
        let (printer, _) = Printer::captured();
        let mut bars = TransferBars::default();
        bars.show(&printer, &[transfer("a", 10), transfer("b", 20)]);
        bars.show(&printer, &[transfer("b", 30)]);
        let shown: Vec<_> = bars.0.keys().collect();
        assert_eq!(shown, ["pull b 1"]);
    }

    #[test]
    fn bar_of_a_resumed_transfer_shows_the_speed_of_ams() {
        let resumed = Transfer {
            bytes: 512 << 20,
            total: 1 << 30,
            bytes_per_second: 64 << 20,
            ..transfer("a", 0)
        };
        let bar = "===============               ";
        let expected = format!("[{bar}] 512.0MiB/1.0GiB 64.0MiB/s 8s left");
        assert_eq!(bar_text(&resumed), expected);
        let stalled = Transfer {
            bytes_per_second: 0,
            ..resumed
        };
        assert!(
            bar_text(&stalled).ends_with(" 0B/s"),
            "{}",
            bar_text(&stalled)
        );
    }
}
