//! An image into the registry: verified and durable when it is answered.

use aar_testkit::{Folder, Generated};

use super::{Case, megabytes};
use crate::{
    peers::Distribution,
    rounds::{Plan, Turn, in_turn},
    row::{Goal, Row, Unit},
    sample::Sample,
    site::Site,
    usage::run,
};

pub(crate) const CASE: Case = Case {
    name: "push",
    about: "an image into the registry, verified and durable, beside docker-registry",
    run: measure,
};

fn measure(plan: &Plan) -> Vec<Row> {
    let host = Site::start();
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
    let mut turns: Vec<Turn<'_>> = vec![(
        "aar",
        Box::new(|| {
            // A new one each time: an image that is there already need not be stored.
            let site = Site::start();
            let http = site.publisher();
            let upload = content.begin_upload(&http, &digest);
            let publisher = &site.pki.publisher;
            let who = (
                publisher.certificate().to_owned(),
                publisher.key().to_owned(),
            );
            let mut curl = site.certificates().curl_as(&who.0, &who.1);
            curl.args(["--request", "PATCH", "--header", "expect:", "--upload-file"])
                .arg(&file);
            curl.args([
                "--header",
                "tus-resumable: 1.0.0",
                "--header",
                "upload-offset: 0",
            ]);
            curl.args(["--header", "content-type: application/offset+octet-stream"]);
            let url = site.url(&upload);
            let meter = site.meter();
            let ran = run("curl", curl.arg(url));
            let usage = vec![meter.read(), ran.usage];
            Sample {
                value: megabytes(plan.image, ran.wall),
                usage,
            }
        }),
    )];
    if let Some(peer) = &peer {
        turns.push((
            "docker-registry",
            Box::new(|| {
                let address = peer.begin_upload();
                let joint = if address.contains('?') { '&' } else { '?' };
                let mut curl = certificates.curl();
                curl.args(["--header", "expect:", "--upload-file"])
                    .arg(&file);
                let meter = peer.meter();
                let ran = run(
                    "curl",
                    curl.arg(format!("{address}{joint}digest=sha256:{digest}")),
                );
                let usage = vec![meter.read(), ran.usage];
                peer.forget();
                Sample {
                    value: megabytes(plan.image, ran.wall),
                    usage,
                }
            }),
        ));
    }
    let goals = vec![Goal::Times("docker-registry", 2.0)];
    vec![in_turn(
        plan,
        Row::new("push", Unit::Megabytes, goals),
        turns,
    )]
}
