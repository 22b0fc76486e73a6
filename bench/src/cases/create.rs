//! A package into an image.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use aar_testkit::{Folder, Generated, Package, TestAms};
use tokio::runtime::Runtime;

use super::{Case, megabytes};
use crate::{
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    sample::Sample,
    site::api,
    usage::{Meter, Usage, run},
};

pub(crate) const CASE: Case = Case {
    name: "create",
    about: "a package into an image, beside tar, zstd and SHA-256",
    run: measure,
};

/// What one would do by hand.
const HAND: &str = "tar | zstd";

fn measure(plan: &Plan) -> Vec<Row> {
    let mut ams = TestAms::start();
    let folder = Folder::new("create");
    let package = package(&folder, plan.image);
    let archive = archive(&folder, &package);
    let image = folder.join("image.tar.zst");
    let (id, runtime) = (ams.process().id(), Runtime::new().unwrap());
    let ams = &ams;
    let sample = |wall: Duration, usage: Vec<Usage>| {
        let value = megabytes(plan.image, wall);
        Sample { value, usage }
    };
    let service = || {
        let (wall, meter) = runtime.block_on(make(ams, &archive, id));
        let usage = vec![meter.read()];
        ams.amc(&["application", "delete", "big", "--yes"]).done();
        sample(wall, usage)
    };
    let command = || {
        let meter = Meter::start("ams", id);
        let mut create = ams.amc_command();
        let ran = run("amc", create.args(["application", "create"]).arg(&package));
        let usage = vec![meter.read(), ran.usage];
        ams.amc(&["application", "delete", "big", "--yes"]).done();
        sample(ran.wall, usage)
    };
    let hand = || {
        let ran = run("sh", &mut by_hand(&package, &image));
        sample(ran.wall, vec![ran.usage])
    };
    let turns = |ours| -> Vec<Turn<'_>> { vec![("aar", ours), (HAND, Box::new(hand))] };
    let goals = vec![Goal::Times(HAND, 0.9)];
    let made = Row::new("create: a package into an image", Unit::Megabytes, goals);
    let whole = Row::new(
        "create: with amc and the upload",
        Unit::Megabytes,
        Vec::new(),
    );
    vec![
        in_turn(plan, made, turns(Box::new(service))),
        in_turn(plan, whole, turns(Box::new(command))),
    ]
}

/// Makes an application of an archive. Gives how long it took from the moment when the archive had
/// arrived, and what counts from there.
async fn make(ams: &TestAms, archive: &Path, id: u32) -> (Duration, Meter) {
    let client = api(ams);
    let file = fs_err::File::open(archive).unwrap().into_parts().0;
    let length = file.metadata().unwrap().len();
    let package = ams_api::Package::local(file, length);
    let watch = client.watch().await;
    let begun = client.create_application(&package, false, |_| ());
    let begun = begun.await.unwrap();
    let (arrived, meter) = (Instant::now(), Meter::start("ams", id));
    watch.finish(begun, None, |_| ()).await.unwrap();
    (arrived.elapsed(), meter)
}

fn by_hand(package: &Path, image: &Path) -> Command {
    let mut sh = Command::new("sh");
    sh.arg("-c").arg(
        "tar -C \"$1\" -cf - . | zstd -3 -T0 -q -f -o \"$2\" && openssl dgst -sha256 \"$2\" && sync \"$2\"",
    );
    sh.arg("sh").arg(package).arg(image);
    sh
}

/// The package as one file, which AMS takes as it is.
fn archive(folder: &Folder, package: &Path) -> PathBuf {
    let archive = folder.join("big.tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(package).arg("-cf").arg(&archive).arg(".");
    run("tar", &mut tar);
    archive
}

/// Half of it does not compress, as what is in an APK; half of it is text.
fn package(folder: &Folder, size: u64) -> PathBuf {
    let text = folder.join("text");
    let mut to = fs_err::File::create(&text).unwrap();
    let random = (Generated {
        size: size / 8,
        seed: 2,
    })
    .pieces();
    for piece in random {
        to.write_all(&lines(&piece)).unwrap();
    }
    to.set_len(size / 2).unwrap();
    Package::new("big")
        .noise("level.dat", size / 2, 1)
        .with("  text.dat:\n    target: /sdcard/Android/data/com.example.xbig/")
        .copy("extra-data/text.dat", &text)
        .write_folder(&folder.join("big"))
}

/// About four times as long as what it is made of.
fn lines(random: &[u8]) -> Vec<u8> {
    let line = |at: &[u8]| {
        let [a, b, c, d] = [at[0], at[1], at[2], at[3]];
        format!("node{a} {b}.{c} {d:x}\n").into_bytes()
    };
    random
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|at| line(at))
        .collect()
}
