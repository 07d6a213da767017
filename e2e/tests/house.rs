//! What the compiler does not see: that a context is in every crate, and that what is deployed fits together.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every folder of the domain is a context, but for that of the values that all share.
fn contexts() -> Vec<String> {
    let entries = fs::read_dir(root().join("domain/src")).unwrap();
    let folders = entries.map(|entry| entry.unwrap()).filter(|entry| entry.file_type().unwrap().is_dir());
    let names = folders.map(|folder| folder.file_name().into_string().unwrap());
    names.filter(|name| name != "values").collect()
}

#[test]
fn a_context_is_in_every_crate() {
    assert!(contexts().len() >= 3);
    for name in contexts() {
        let lists = [
            ("domain/src/access.rs", format!("{name}::access::RULES")),
            ("command-api/src/lib.rs", format!("(\"{name}\", {name}::routes)")),
            ("query-api/src/lib.rs", format!("(\"{name}\", {name}::routes)")),
            ("projector/src/registry.rs", format!("&Registered({name}::")),
        ];
        for (file, line) in lists {
            assert!(text(file).contains(&line), "{file} does not list {name}");
        }
        assert!(root().join(format!("projector/src/{name}/schema.sql")).exists(), "{name} has no read model");
        assert!(root().join(format!("domain/tests/{name}.rs")).exists(), "{name} has no given/when/then tests");
    }
}

fn services() -> Yaml {
    YamlLoader::load_from_str(&text("docker-compose.yml")).unwrap()[0]["services"].clone()
}

#[test]
fn every_service_is_built_from_a_stage_that_the_dockerfile_has() {
    let dockerfile = text("Dockerfile");
    for (name, service) in services().as_hash().unwrap() {
        match service["build"]["target"].as_str() {
            Some(target) => assert!(dockerfile.contains(&format!(" AS {target}\n")), "{target}"),
            None => assert!(service["image"].as_str().is_some_and(|image| image.contains(':')), "{name:?}"),
        }
        for volume in service["volumes"].as_vec().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            if source.starts_with("./") && source != "./keys.json" {
                assert!(root().join(source).exists(), "{source} is mounted, but not there");
            }
        }
    }
}

#[test]
fn every_setting_of_a_service_is_one_that_it_reads() {
    let sources =
        ["platform/src/config.rs", "command-api/src/config.rs", "projector/src/config.rs", "query-api/src/config.rs"];
    let known: String = sources.iter().map(|file| text(file)).collect();
    for (name, service) in services().as_hash().unwrap() {
        if service["build"].is_badvalue() {
            continue;
        }
        for (variable, _) in service["environment"].as_hash().unwrap() {
            let variable = variable.as_str().unwrap();
            assert!(known.contains(&format!("\"{variable}\"")), "{name:?} does not read {variable}");
        }
    }
}

#[test]
fn variables_that_compose_needs_are_in_the_example() {
    let example = text(".env.example");
    let compose = text("docker-compose.yml");
    for part in compose.split("${").skip(1) {
        let variable = part.split([':', '}']).next().unwrap();
        assert!(example.contains(&format!("{variable}=")), "{variable}");
    }
    assert!(text("deploy/nats.conf").contains("sync_interval: always"));
}
