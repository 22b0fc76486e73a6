use aar_testkit::TestRegistry;
use ams::operations::NewOperation;
use http::StatusCode;
use serde_json::{Value, json};

use super::calls::{Calls, With};
use crate::{
    events,
    running::{Door, Running, base64, package},
};

const GAME: &str = "name: game\ninstance-type: a4.3\nboot-package: com.foo.bar\ntags: [fun]\n\
    addons: [ssh]\nvideo-encoder: software\nfeatures: [f]\nhooks: {timeout: 5m}\n\
    services: [{name: ssh, port: 22, protocols: [tcp], expose: true}]\n\
    resources: {cpus: 2, memory: 3GB, disk-size: 4GB, gpu-slots: 1, vpu-slots: 0}\n";

/// An operation that is not there.
const NO_OPERATION: &str = "bc85137b-b20d-470a-a6ea-daa9a2b8506a";

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_definition_answers_as_it_says() {
    let ams = Running::at_present().await;
    let calls = Calls::of(&ams);
    service_and_events(&calls).await;
    certificates(&calls).await;
    configuration(&calls).await;
    applications(&calls).await;
    operations(&calls).await;
    registry(&calls).await;
    removal(&calls).await;
    assert_eq!(calls.left(), Vec::<&str>::new(), "not exercised");
}

async fn service_and_events(calls: &Calls<'_>) {
    calls.good("service_get", &[], With::Nothing).await;
    calls.good("version_get", &[], With::Nothing).await;
    calls.good("events_auth", &[], With::Nothing).await;

    let mut socket = events::listen(calls.ams.local().await, "").await.unwrap();
    calls.ams.create("name: heard\n").await;
    let mut kinds = Vec::new();
    while kinds.len() < 4 {
        let event = events::event(&mut socket).await;
        calls.definition.check_body("Event", &event);
        if event["type"] == "operation" {
            calls.definition.check_body("Operation", &event["metadata"]);
        }
        kinds.push(event["type"].clone());
    }
    assert!(kinds.contains(&json!("lifecycle")), "{kinds:?}");
    calls.mark("events_get");
    let plain = StatusCode::BAD_REQUEST;
    calls
        .bad(&Door::Local, "events_get", &[], With::Nothing, plain)
        .await;
}

async fn certificates(calls: &Calls<'_>) {
    let identity = calls.ams.identity("client");
    let fingerprint = identity.certificate().fingerprint().to_string();
    let post = || With::Json(json!({"certificate": base64(&identity)}));
    calls.done("certificates_post", &[], post()).await;
    let again = StatusCode::CONFLICT;
    calls
        .bad(&Door::Local, "certificates_post", &[], post(), again)
        .await;
    calls.good("certificates_get", &[], With::Nothing).await;
    calls
        .good("certificates_get_recursion1", &[], With::Nothing)
        .await;
    calls
        .good("certificate_get", &[&fingerprint], With::Nothing)
        .await;
    calls
        .done("certificate_delete", &[&fingerprint], With::Nothing)
        .await;
    for name in ["certificate_get", "certificate_delete"] {
        let gone = StatusCode::NOT_FOUND;
        calls
            .bad(&Door::Local, name, &[&fingerprint], With::Nothing, gone)
            .await;
    }
}

async fn configuration(calls: &Calls<'_>) {
    calls.good("config_get", &[], With::Nothing).await;
    let item = |name: &str, value: &str| With::Json(json!({"name": name, "value": value}));
    calls
        .good("config_patch", &[], item("registry.mode", "manual"))
        .await;
    for (name, value, status) in [
        ("registry.mode", "both", StatusCode::BAD_REQUEST),
        ("registry.colour", "red", StatusCode::NOT_FOUND),
    ] {
        calls
            .bad(&Door::Local, "config_patch", &[], item(name, value), status)
            .await;
    }
}

async fn applications(calls: &Calls<'_>) {
    let created = calls
        .done(
            "application_post",
            &["?vm=true"],
            With::Package(&package(GAME)),
        )
        .await;
    let address = created.metadata()["resources"]["applications"][0].clone();
    let id = address
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    calls
        .done(
            "application_patch_upload",
            &["game"],
            With::Package(&package(GAME)),
        )
        .await;
    let change = json!({"tags": ["fun", "new"], "resources": {"gpu-type": "amd"}, "features": []});
    calls
        .done("application_patch_meta", &[&id], With::Json(change))
        .await;
    calls
        .good("application_get", &[&id, "?entitlements=1"], With::Nothing)
        .await;
    for name in ["application_manifest_get", "application_get"] {
        calls.good(name, &["game"], With::Nothing).await;
    }
    for name in [
        "application_version_get",
        "application_version_manifest_get",
    ] {
        calls.good(name, &["game", "1"], With::Nothing).await;
    }
    let published = |published: bool| With::Json(json!({"published": published}));
    calls
        .done(
            "application_version_patch",
            &["game", "0"],
            published(false),
        )
        .await;
    calls
        .done("application_version_delete", &["game", "0"], With::Nothing)
        .await;
    listings(calls, &id).await;
    refusals(calls).await;
}

async fn listings(calls: &Calls<'_>, id: &str) {
    let filters = [
        format!("id={id}"),
        "name=game&status=ready&instance_type=a4.3&boot_package=com.foo.bar".to_owned(),
        "immutable=false&inhibit_auto_updates=false&published=true&vm=true".to_owned(),
        "addons=ssh&tags=fun,new&abi=&parent_image_variant=android".to_owned(),
        "offset=0&limit=1&name=game".to_owned(),
    ];
    for filter in filters {
        for (name, mark) in [
            ("applications_get", "?"),
            ("applications_get_recursion1", "&"),
        ] {
            let listed = calls
                .good(name, &[&format!("{mark}{filter}")], With::Nothing)
                .await;
            let listed = listed.json();
            assert_eq!(listed["total_size"], 1, "{filter}: {listed}");
        }
    }
    let entitled = calls.good(
        "applications_get_recursion1",
        &["&entitlements=1"],
        With::Nothing,
    );
    assert!(entitled.await.metadata()[0]["entitlements"].is_array());
}

async fn refusals(calls: &Calls<'_>) {
    for (name, arguments) in [
        ("application_get", &["nothing"][..]),
        ("application_delete", &["nothing"]),
        ("application_patch_meta", &["nothing"]),
        ("application_manifest_get", &["nothing"]),
        ("application_version_get", &["game", "9"]),
        ("application_version_delete", &["game", "9"]),
        ("application_version_manifest_get", &["game", "9"]),
    ] {
        let missing = StatusCode::NOT_FOUND;
        calls
            .bad(&Door::Local, name, arguments, With::Nothing, missing)
            .await;
        let nobody = StatusCode::UNAUTHORIZED;
        calls
            .bad(&Door::Remote(None), name, arguments, With::Nothing, nobody)
            .await;
    }
    let wrong = StatusCode::BAD_REQUEST;
    let query = ["?limit=-2"];
    calls
        .bad(
            &Door::Local,
            "applications_get",
            &query,
            With::Nothing,
            wrong,
        )
        .await;
    let arguments = ["game", "latest"];
    calls
        .bad(
            &Door::Local,
            "application_version_get",
            &arguments,
            With::Nothing,
            wrong,
        )
        .await;
}

async fn operations(calls: &Calls<'_>) {
    let new = NewOperation::on("Waiting", "applications", "/1.0/applications/x".to_owned());
    let work = async move |context: ams::operations::OperationContext| {
        context.cancelled().await;
        context.check_cancelled()
    };
    let begun = calls.ams.ams.operations().start(new.cancellable(), work);
    let id = begun.id.to_string();
    calls.good("operations_get", &[], With::Nothing).await;
    calls
        .good("operations_get_recursion1", &[], With::Nothing)
        .await;
    calls.good("operation_get", &[&id], With::Nothing).await;
    calls
        .good("operation_wait_get", &[&id, "?timeout=0"], With::Nothing)
        .await;
    calls.good("operation_delete", &[&id], With::Nothing).await;
    let ended = calls
        .good("operation_wait_get", &[&id, "?timeout=-1"], With::Nothing)
        .await;
    assert_eq!(ended.metadata()["status_code"], 401);
    let late = StatusCode::BAD_REQUEST;
    calls
        .bad(
            &Door::Local,
            "operation_delete",
            &[&id],
            With::Nothing,
            late,
        )
        .await;

    // No operation of AMS talks over a websocket: what is left of it are its refusals.
    calls
        .bad(
            &Door::Local,
            "operation_websocket_get",
            &[&id],
            With::Nothing,
            late,
        )
        .await;
    calls.mark("operation_websocket_get");
    for name in [
        "operation_get",
        "operation_delete",
        "operation_wait_get",
        "operation_websocket_get",
    ] {
        let missing = StatusCode::NOT_FOUND;
        calls
            .bad(&Door::Local, name, &[NO_OPERATION], With::Nothing, missing)
            .await;
    }
}

async fn registry(calls: &Calls<'_>) {
    let registry = tokio::task::block_in_place(TestRegistry::start);
    let certificate = calls.ams.path("registry/client.crt");
    tokio::task::block_in_place(|| registry.trust(&certificate, "publisher"));
    let pem = fs_err::read_to_string(registry.certificate()).unwrap();
    let trusted = json!({"certificate": pem});
    calls
        .done("certificates_post", &[], With::Json(trusted))
        .await;
    for (name, value) in [
        ("registry.url", registry.url()),
        ("registry.fingerprint", registry.fingerprint()),
    ] {
        let item = json!({"name": name, "value": value});
        calls.good("config_patch", &[], With::Json(item)).await;
    }
    calls
        .done("registry_applications_push", &["game"], With::Nothing)
        .await;
    let listed = calls
        .good("registry_applications_get", &[], With::Nothing)
        .await;
    let expected = json!({
        "name": "game", "architectures": [calls.ams.ams.applications().architecture()],
        "boot_package": "com.foo.bar", "instance_type": "a4.3", "tags": ["fun", "new"], "vm": true,
    });
    let mut shown = listed.metadata()[0].clone();
    let versions = shown.as_object_mut().unwrap().remove("versions").unwrap();
    assert_eq!(shown, expected);
    let newest = json!({"boot_activity": "", "features": [], "hooks": {"timeout": "5m"},
        "bootstrap": {"keep": []}, "video_encoder": "software"});
    assert_eq!(versions["2"], newest);

    calls
        .done("application_delete", &["game"], With::Nothing)
        .await;
    calls
        .done("registry_applications_pull", &["game"], With::Nothing)
        .await;
    imported_is_immutable(calls).await;
    calls
        .done("registry_applications_delete", &["game"], With::Nothing)
        .await;
    let empty = calls
        .good("registry_applications_get", &[], With::Nothing)
        .await;
    assert_eq!(empty.metadata(), json!([]));
}

async fn imported_is_immutable(calls: &Calls<'_>) {
    let shown = calls
        .good("application_get", &["game"], With::Nothing)
        .await;
    assert_eq!(shown.metadata()["immutable"], true);
    let no = StatusCode::FORBIDDEN;
    let change = || With::Json(json!({"tags": []}));
    calls
        .bad(
            &Door::Local,
            "application_patch_meta",
            &["game"],
            change(),
            no,
        )
        .await;
    calls
        .bad(
            &Door::Local,
            "application_delete",
            &["game"],
            With::Nothing,
            no,
        )
        .await;
}

async fn removal(calls: &Calls<'_>) {
    let ids = |ids: &[&str]| With::Json(json!({"ids": ids, "force": true}));
    let missing = StatusCode::NOT_FOUND;
    let some: [&str; 2] = ["game", "nothing"];
    calls
        .bad(
            &Door::Local,
            "applications_delete",
            &[],
            ids(&some),
            missing,
        )
        .await;
    calls
        .done("applications_delete", &[], ids(&["game", "heard"]))
        .await;
    let left = calls.good("applications_get", &[], With::Nothing).await;
    assert_eq!(left.metadata(), Value::Array(Vec::new()));
}
