use aar_testkit::{Package, TestAms};

use crate::{terminal, transcript::Transcript};

fn ams() -> TestAms {
    let ams = TestAms::start();
    let package = Package::new("game")
        .tagged("fun, created_by=anbox")
        .with("addons: [ssh]\nfeatures: [f]\nhooks: {timeout: 5m}")
        .with("services: [{name: ssh, port: 22, protocols: [tcp], expose: true}]")
        .with("resources: {cpus: 2, memory: 4GB}");
    package.write_folder(&ams.base().join("game"));
    Package::new("tool").write_zip(&ams.base().join("tool.zip"));
    ams
}

#[test]
fn applications_are_created_and_shown() {
    let ams = ams();
    Transcript::at(&ams)
        .succeed("application create game")
        .succeed("application create tool.zip --vm -t 1m")
        .in_list_formats("application list")
        .succeed("application ls -f name=game -f tags=fun --format csv")
        .succeed("application list -f vm=true -f status=ready --format csv")
        .in_document_formats("application show game")
        .succeed("wait game -c status=ready")
        .snapshot("applications_created_and_shown");
}

#[test]
fn applications_are_changed_and_deleted() {
    let ams = ams();
    ams.amc(&["application", "create", "game"]).success();
    ams.amc(&["application", "create", "tool.zip"]).success();
    Transcript::at(&ams)
        .succeed("application update game game")
        .succeed("application set game tags new,eu")
        .succeed("application set game video-encoder software")
        .succeed("application set game inhibit_auto_updates true")
        .succeed("application set tool boot_activity com.example.Main")
        .succeed("application unset game addons")
        .succeed("application revoke game 0")
        .succeed("application publish game 0")
        .succeed("application list -f name=game --format csv")
        .succeed("application export game 0 game.image")
        .succeed("application delete game --version 0 -y")
        .fail("wait game -c status=ready -s version=0")
        .answer("no", "application delete -a", 1)
        .succeed("application delete game -y --no-wait")
        .answer("yes", "application delete tool", 0)
        .succeed("application delete -a -y")
        .succeed("application list")
        .snapshot("applications_changed_and_deleted");
}

#[test]
fn invalid_application_commands_are_explained() {
    let ams = ams();
    ams.amc(&["application", "create", "tool.zip"]).success();
    fs_err::write(ams.base().join("garbage.zip"), "PK garbage").unwrap();
    let bad = ams.base().join("bad");
    fs_err::create_dir(&bad).unwrap();
    let manifest = "name: bad name\ninstance-type: a99.3\nvideo-encoder: cpu\n";
    fs_err::write(bad.join("manifest.yaml"), manifest).unwrap();
    Transcript::at(&ams)
        .fail(
            "application create tool.zip
             application create garbage.zip
             application create bad
             application show nothing
             application update nothing tool.zip
             application update tool garbage.zip
             application set nothing tags a
             application set tool instance-type a99.3
             application set tool video-encoder cpu
             application set tool inhibit_auto_updates perhaps
             application set tool resources.cpus many
             application set tool services [{name:a}]
             application unset tool image
             application unset nothing tags
             application publish tool 7
             application publish nothing 0
             application revoke tool 7
             application export tool 7
             application export tool 0 missing/x
             application delete nothing -y
             application delete tool --version 7 -y
             application list -f status=asleep
             wait tool -c published=false -t 1ms
             wait nothing -c status=ready",
        )
        .usage_error("application publish tool latest")
        .usage_error("application list -f colour=red")
        .usage_error("application set tool colour red")
        .usage_error("wait tool -c colour=red")
        .usage_error("wait tool -c status=bogus")
        .usage_error("wait tool -c published=maybe")
        .usage_error("wait tool -c immutable=")
        .usage_error("wait tool -c instance-type=a99.3")
        .usage_error("wait tool -c tags=")
        .usage_error("wait tool -c status=ready -s version=-1")
        .snapshot("applications_refused");
}

#[test]
fn upload_progress_is_drawn_on_terminals_only() {
    let ams = TestAms::start();
    let package = Package::new("big").noise("level.dat", 4 << 20, 1);
    package.write_zip(&ams.base().join("big.zip"));
    let mut create = ams.amc_command();
    create.args(["application", "create", "big.zip"]);
    let (code, screen) = terminal::run(create);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("uploading ["), "{screen:?}");
    let updated = ams.amc(&["application", "update", "big", "big.zip"]);
    assert_eq!(
        (updated.code, updated.stderr.as_str()),
        (0, ""),
        "{updated:?}"
    );
    assert!(!updated.stdout.contains("MiB"), "{updated:?}");
}
