//! Several registries over one PostgreSQL database and one bucket.

use std::time::Duration;

use aar_testkit::{
    Generated, PostgresServer, S3Server, SOON, TestClient, TestPki, TestRegistry, until,
};
use serde_json::{Value, json};

/// How soon a change of one replica holds on the others.
const SOON_ELSEWHERE: Duration = Duration::from_secs(10);

fn replicas(database: &str, test: &str) -> Option<[TestRegistry; 2]> {
    let bucket = S3Server::seaweed(test)?.new_bucket();
    let section = bucket.section();
    let config = format!("database:\n  url: {database}\n");
    let mut first = TestRegistry::prepare_s3(bucket, &section, &config);
    first.run();
    let mut second = first.replica();
    second.run();
    Some([first, second])
}

fn publish(http: &TestClient, name: &str, number: u32, content: Generated) {
    let upload = content.start_upload(http, &content.digest());
    assert_eq!(content.send_to(http, &upload), 204);
    assert_eq!(commit(http, name, number, content), 201);
}

fn commit(http: &TestClient, name: &str, number: u32, content: Generated) -> u16 {
    let body = json!({
        "application": {"instance_type": "a2.3", "boot_package": "com.example.app"},
        "image": content.info(),
    });
    let path = format!("/1.0/applications/{name}/amd64/versions/{number}");
    let body = serde_json::to_vec(&body).unwrap();
    let headers = [("content-type", "application/json")];
    http.send("PUT", &path, &headers, body).status
}

fn names(http: &TestClient) -> Vec<String> {
    let list: Value = http.get("/1.0/applications?recursion=1").json();
    let applications = list["metadata"].as_array().unwrap().iter();
    applications
        .map(|application| application["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn change_of_one_replica_holds_on_the_other() {
    let Some(server) = PostgresServer::shared("replicas") else {
        return;
    };
    let database = server.new_database();
    let Some([first, second]) = replicas(&database.url(), "replicas") else {
        return;
    };
    let pki = TestPki::new();
    first.trust(pki.publisher.certificate(), "publisher");
    let on_second = second.http(Some(&pki.publisher));
    until(
        "the other replica trusts the publisher",
        SOON_ELSEWHERE,
        || on_second.get("/1.0/applications").status == 200,
    );

    let on_first = first.http(Some(&pki.publisher));
    publish(
        &on_first,
        "one",
        0,
        Generated {
            size: 1 << 20,
            seed: 1,
        },
    );
    until("the other replica lists it", SOON_ELSEWHERE, || {
        names(&on_second) == ["one"]
    });
    publish(
        &on_second,
        "two",
        0,
        Generated {
            size: 1 << 20,
            seed: 2,
        },
    );
    until("the first replica lists it", SOON_ELSEWHERE, || {
        names(&on_first) == ["one", "two"]
    });

    second
        .aar(&["trust", "revoke", "--yes", &pki.publisher.fingerprint()])
        .success();
    until(
        "the first replica refuses the publisher",
        SOON_ELSEWHERE,
        || {
            let response = on_first.try_get("/1.0/applications");
            response.is_some_and(|response| response.status == 403)
        },
    );
}

#[test]
fn upload_continues_on_another_replica() {
    let Some(server) = PostgresServer::shared("replicas") else {
        return;
    };
    let database = server.new_database();
    let Some([first, second]) = replicas(&database.url(), "replicas") else {
        return;
    };
    let pki = TestPki::new();
    first.trust(pki.publisher.certificate(), "publisher");
    let on_second = second.http(Some(&pki.publisher));
    until(
        "the other replica trusts the publisher",
        SOON_ELSEWHERE,
        || on_second.get("/1.0/applications").status == 200,
    );

    // More than a part of a multipart upload, and a tail that fills none.
    let content = Generated {
        size: 20 << 20,
        seed: 3,
    };
    let on_first = first.http(Some(&pki.publisher));
    let upload = content.start_upload(&on_first, &content.digest());
    let middle = 11 << 20;
    let first_part = content.send_part(&on_first, &upload, 0..middle);
    let second_part = content.send_part(&on_second, &upload, middle..content.size);
    assert_eq!([first_part, second_part], [204, 204]);
    assert_eq!(commit(&on_second, "app", 0, content), 201);
    let image = on_first.get("/1.0/applications/app/amd64/versions/0");
    assert_eq!(image.status, 200, "{}", image.text());
}

#[test]
fn replica_without_database_fails_closed_and_recovers() {
    let Some(mut server) = PostgresServer::start("a database that is killed") else {
        return;
    };
    let database = server.new_database();
    let Some([first, second]) = replicas(&database.url(), "replicas") else {
        return;
    };
    let pki = TestPki::new();
    first.trust(pki.publisher.certificate(), "publisher");
    let on_first = first.http(Some(&pki.publisher));
    publish(
        &on_first,
        "app",
        0,
        Generated {
            size: 1 << 20,
            seed: 1,
        },
    );

    server.kill();
    until("the replica refuses requests that need trust", SOON, || {
        on_first.get("/1.0/applications").status == 503
    });
    assert_eq!(first.http(None).get("/1.0/status").status, 503);

    server.restart();
    for replica in [&first, &second] {
        let http = replica.http(Some(&pki.publisher));
        until("the replica serves again", SOON, || {
            http.get("/1.0/applications").status == 200 && names(&http) == ["app"]
        });
    }
    publish(
        &on_first,
        "app",
        1,
        Generated {
            size: 1 << 20,
            seed: 2,
        },
    );
}

#[test]
fn database_that_cannot_be_used_is_reported_in_one_sentence() {
    let Some(server) = PostgresServer::shared("messages about PostgreSQL") else {
        return;
    };
    let database = server.new_database();
    let address = server.address();
    let name = database.name();
    for (url, part) in [
        (
            format!("postgres://aar:wrong@{address}/{name}"),
            "database.password-file",
        ),
        (
            database.url().replace(name, "missing"),
            "has no database missing",
        ),
        (
            "postgres://aar:x@127.0.0.1:1/aar".to_owned(),
            "cannot be reached",
        ),
    ] {
        let registry = TestRegistry::prepare(&format!("database:\n  url: {url}\n"));
        let message = registry.aar(&["application", "list"]).failure();
        assert!(message.contains(part), "{url}: {message}");
        assert!(!message.contains("only a test"), "{message}");
    }
}

#[test]
fn password_of_the_database_is_read_from_a_file() {
    let Some(server) = PostgresServer::shared("a password in a file") else {
        return;
    };
    let database = server.new_database();
    let url = database.url_without_password();
    let config = format!("database:\n  url: {url}\n  password-file: conf/password\n");
    let mut registry = TestRegistry::prepare(&config);
    fs_err::write(
        registry.base().join("conf/password"),
        format!("{}\n", database.password()),
    )
    .unwrap();
    registry.run();
    let shown = registry.aar(&["check-config"]).success();
    assert!(
        shown.contains(&url) && !shown.contains(database.password()),
        "{shown}"
    );
}
