//! Uploading an image: the registry has verified and synced it when it responds.

use aar_testkit::{Folder, Generated};

use super::{Case, megabytes};
use crate::{
    bench_registry::BenchRegistry,
    peers::Distribution,
    plan::{Contender, Plan, measure_in_turns},
    result::{Comparison, Goal, Unit},
    sample::Sample,
    usage::run,
};

pub(crate) const CASE: Case = Case {
    name: "push",
    about: "upload an image to the registry until it is verified and durable, beside docker-registry",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Comparison> {
    let host = BenchRegistry::start();
    let certificates = host.certificates();
    let peer = Distribution::start(&certificates);
    let content = Generated {
        size: plan.image,
        seed: 1,
    };
    let (folder, digest) = (Folder::new("push"), content.digest());
    let file = folder.join("image");
    let mut pieces = content.pieces();
    let mut to = fs_err::File::create(&file).unwrap();
    pieces
        .try_for_each(|piece| std::io::Write::write_all(&mut to, &piece))
        .unwrap();
    let mut contenders: Vec<Contender<'_>> = vec![(
        "aar",
        Box::new(|| {
            // A new registry each time, because it stores an image only once.
            let bench = BenchRegistry::start();
            let http = bench.publisher();
            let upload = content.start_upload(&http, &digest);
            let publisher = &bench.pki.publisher;
            let certificate = publisher.certificate().to_owned();
            let key = publisher.key().to_owned();
            let mut curl = bench.certificates().curl_as(&certificate, &key);
            curl.args(["--request", "PATCH", "--header", "expect:", "--upload-file"])
                .arg(&file);
            curl.args([
                "--header",
                "tus-resumable: 1.0.0",
                "--header",
                "upload-offset: 0",
            ]);
            curl.args(["--header", "content-type: application/offset+octet-stream"]);
            let url = bench.url(&upload);
            let meter = bench.meter();
            let ran = run("curl", curl.arg(url));
            let usage = vec![meter.read(), ran.usage];
            Sample {
                value: megabytes(plan.image, ran.wall),
                usage,
            }
        }),
    )];
    if let Some(peer) = &peer {
        contenders.push((
            "docker-registry",
            Box::new(|| {
                let url = peer.start_upload();
                let separator = if url.contains('?') { '&' } else { '?' };
                let mut curl = certificates.curl();
                curl.args(["--header", "expect:", "--upload-file"])
                    .arg(&file);
                let meter = peer.meter();
                let ran = run(
                    "curl",
                    curl.arg(format!("{url}{separator}digest=sha256:{digest}")),
                );
                let usage = vec![meter.read(), ran.usage];
                peer.delete_blobs();
                Sample {
                    value: megabytes(plan.image, ran.wall),
                    usage,
                }
            }),
        ));
    }
    let goals = vec![Goal::Times("docker-registry", 1.5)];
    vec![measure_in_turns(
        plan,
        Comparison::new("push", Unit::Megabytes, goals),
        contenders,
    )]
}
