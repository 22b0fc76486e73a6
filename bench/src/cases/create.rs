//! Creating an image from a package.

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
    bench_registry::api,
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::{Meter, Usage, run},
};

pub(crate) const CASE: Case = Case {
    name: "create",
    about: "create an image from a package, beside tar, zstd and SHA-256",
    run: measure,
};

/// The same steps in a shell.
const SHELL: &str = "tar | zstd";

fn measure(plan: &Plan) -> Vec<Comparison> {
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
        let (wall, meter) = runtime.block_on(create(ams, &archive, id));
        let usage = vec![meter.read()];
        ams.amc(&["application", "delete", "big", "--yes"])
            .success();
        sample(wall, usage)
    };
    let command = || {
        let meter = Meter::start("ams", id);
        let mut create = ams.amc_command();
        let ran = run("amc", create.args(["application", "create"]).arg(&package));
        let usage = vec![meter.read(), ran.usage];
        ams.amc(&["application", "delete", "big", "--yes"])
            .success();
        sample(ran.wall, usage)
    };
    let shell = || {
        let ran = run("sh", &mut in_a_shell(&package, &image));
        sample(ran.wall, vec![ran.usage])
    };
    let contenders = |aar| -> Vec<Contender<'_>> { vec![("aar", aar), (SHELL, Box::new(shell))] };
    let goals = vec![Goal::Times(SHELL, 0.9)];
    let service_only = Comparison::new("create: an image from a package", Unit::Megabytes, goals);
    let with_upload = Comparison::new(
        "create: with amc and the upload",
        Unit::Megabytes,
        Vec::new(),
    );
    vec![
        measure_in_turns(plan, service_only, contenders(Box::new(service))),
        measure_in_turns(plan, with_upload, contenders(Box::new(command))),
    ]
}

/// Creates an application from an archive. Returns the time and the meter from the moment when the upload
/// was complete.
async fn create(ams: &TestAms, archive: &Path, id: u32) -> (Duration, Meter) {
    let client = api(ams);
    let file = fs_err::File::open(archive).unwrap().into_parts().0;
    let length = file.metadata().unwrap().len();
    let package = ams_api::PackageBody::from_file(file, length);
    let watch = client.watch().await;
    let operation = client.create_application(&package, false, |_| ());
    let operation = operation.await.unwrap();
    let (uploaded, meter) = (Instant::now(), Meter::start("ams", id));
    watch.wait(operation, None, |_| ()).await.unwrap();
    (uploaded.elapsed(), meter)
}

fn in_a_shell(package: &Path, image: &Path) -> Command {
    let mut sh = Command::new("sh");
    sh.arg("-c").arg(
        "tar -C \"$1\" -cf - . | zstd -3 -T0 -q -f -o \"$2\" && openssl dgst -sha256 \"$2\" && sync \"$2\"",
    );
    sh.arg("sh").arg(package).arg(image);
    sh
}

/// The package as an archive, which is uploaded unchanged.
fn archive(folder: &Folder, package: &Path) -> PathBuf {
    let archive = folder.join("big.tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(package).arg("-cf").arg(&archive).arg(".");
    run("tar", &mut tar);
    archive
}

/// Half of it does not compress, as in an APK; half of it is text.
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

/// Text that is about four times as long as the random bytes.
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
