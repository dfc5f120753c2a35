//! The files of the deployment: they agree with each other, with the gateway's defaults, and with what is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use casty_gateway::{GatewaySettings, Settings};
use serde::Deserialize;
use serde_json::Value;

/// The port of nodes.
const NODES: u64 = 25_520;

/// Returns the path of a file of this package.
fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn text(of: &str) -> String {
    let path = path(of);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the documents of a file of YAML.
fn documents(of: &str) -> Vec<Value> {
    let text = text(of);
    let documents = serde_norway::Deserializer::from_str(&text);
    let read =
        documents.map(|it| Value::deserialize(it).unwrap_or_else(|error| panic!("{of}: {error}")));
    read.collect()
}

/// Returns the object of this kind.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "one {kind}");
    first
}

/// Returns the texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    let list = list
        .as_array()
        .unwrap_or_else(|| panic!("{list} is no list"));
    list.iter().map(|it| it.as_str().unwrap()).collect()
}

/// Reads settings that are part of another file.
fn settings(text: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    fs::write(&path, text).unwrap();
    Settings::read(&path).unwrap()
}

/// Returns a number that a file of Python calls so.
fn constant(name: &str) -> String {
    let bank = text("deploy/node/bank.py");
    let prefix = format!("{name} = ");
    let value = bank.lines().find_map(|line| line.strip_prefix(&prefix));
    value.unwrap().trim_matches('"').to_owned()
}

/// Returns the instructions of a Dockerfile with this name.
fn instructions<'a>(dockerfile: &'a str, name: &str) -> Vec<&'a str> {
    let lines = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix(name));
    lines.map(str::trim).collect()
}

#[test]
fn the_settings_that_are_shown_are_the_defaults() {
    let shown = settings(&text("gateway.toml"));
    let defaults = GatewaySettings::default();
    assert_eq!(format!("{:?}", shown.gateway), format!("{defaults:?}"));
    let keys = text("gateway.toml");
    let lines = keys.lines().filter(|line| line.contains(" = ")).count();
    // Those of the table `gateway`, and three of `casty`.
    assert_eq!(lines, format!("{defaults:#?}").lines().count() - 2 + 3);
}

#[test]
fn all_settings_name_the_system_and_the_region_that_the_nodes_have() {
    let shards: u32 = constant("SHARDS").parse().unwrap();
    let objects = documents("deploy/kubernetes/gateway.yaml");
    let mapped = &of_kind(&objects, "ConfigMap")["data"]["gateway.toml"];
    for text in [&*text("gateway.toml"), mapped.as_str().unwrap()] {
        let settings = settings(text);
        let regions: Vec<_> = settings.client.regions().iter().collect();
        assert_eq!(regions, [(&constant("REGION"), &shards)]);
        assert_eq!(settings.client.system_name(), Some("bank"));
    }
    let node = text("deploy/node/node.py");
    assert!(node.contains("\"--system\", default=\"bank\""));
    assert!(node.contains(&format!("\"--port\", type=int, default={NODES}")));
}

#[test]
fn the_image_has_one_static_program_that_nobody_but_itself_runs() {
    let dockerfile = text("deploy/Dockerfile");
    let release = env!("CARGO_PKG_RUST_VERSION");
    assert_eq!(
        instructions(&dockerfile, "FROM"),
        [&format!("rust:{release}-alpine AS build"), "scratch"]
    );
    assert_eq!(instructions(&dockerfile, "USER"), ["65532:65532"]);
    let [requests, probes] = ports(&GatewaySettings::default());
    let exposed = format!("{requests} {probes}");
    assert_eq!(instructions(&dockerfile, "EXPOSE"), [exposed]);
    assert!(dockerfile.contains(concat!(
        "--package ",
        env!("CARGO_PKG_NAME"),
        " --bin gateway"
    )));
    for copy in instructions(&dockerfile, "COPY examples/gateway/") {
        let (from, _) = copy.split_once(' ').unwrap();
        assert!(path(from).exists(), "{from}");
    }
    let node = text("deploy/node/Dockerfile");
    assert_eq!(instructions(&node, "USER"), ["65532:65532"]);
    assert_eq!(instructions(&node, "EXPOSE"), [NODES.to_string()]);
    for copy in instructions(&node, "COPY") {
        let (files, _) = copy.rsplit_once(' ').unwrap();
        for file in files.split(' ') {
            assert!(path("deploy/node").join(file).exists(), "{file}");
        }
    }
}

#[test]
fn what_compose_mounts_and_builds_is_there_and_names_lead_to_services() {
    let [compose] = &documents("deploy/compose.yaml")[..] else {
        panic!("one document");
    };
    let services = compose["services"].as_object().unwrap();
    let folder = path("deploy");
    for (name, service) in services {
        if let Some(volumes) = service.get("volumes") {
            for volume in texts(volumes) {
                let from = volume.split(':').next().unwrap();
                assert!(folder.join(from).exists(), "{name}: {from}");
            }
        }
        match &service["build"] {
            Value::String(context) => assert!(folder.join(context).join("Dockerfile").exists()),
            Value::Object(build) => {
                let context = folder.join(build["context"].as_str().unwrap());
                assert!(context.join(build["dockerfile"].as_str().unwrap()).exists());
                assert!(context.join("Cargo.lock").exists());
            }
            _ => assert!(service["image"].as_str().unwrap().contains(':'), "{name}"),
        }
        let after = service.get("depends_on").map(texts).unwrap_or_default();
        assert!(
            after.iter().all(|other| services.contains_key(*other)),
            "{name}"
        );
    }
    let contacts = &services["gateway"]["environment"]["GATEWAY_CASTY_CONTACT_POINTS"];
    let contacts: Vec<_> = contacts.as_str().unwrap().split(',').collect();
    assert_eq!(contacts.len(), 3);
    for contact in &contacts {
        let (host, port) = contact.split_once(':').unwrap();
        assert_eq!(port, NODES.to_string());
        let command = texts(&services[host]["command"]);
        assert_eq!(command, ["--host", host, "--seeds", &contacts.join(",")]);
    }
    let published = ports(&GatewaySettings::default()).map(|port| format!("{port}:{port}"));
    assert_eq!(texts(&services["gateway"]["ports"]), published);
    let grace = services["gateway"]["stop_grace_period"].as_str().unwrap();
    assert!(humantime::parse_duration(grace).unwrap() > stop(&GatewaySettings::default()));
}

/// Returns the ports of requests and of probes.
fn ports(settings: &GatewaySettings) -> [u16; 2] {
    [settings.listen.port(), settings.probe_listen.port()]
}

/// Returns the time that a gateway may take to stop.
fn stop(settings: &GatewaySettings) -> Duration {
    settings.drain_timeout + settings.close_timeout
}

#[test]
fn prometheus_scrapes_the_gateway_and_reads_the_rules_and_grafana_finds_both() {
    let [compose] = &documents("deploy/compose.yaml")[..] else {
        panic!("one document");
    };
    let mounts = |service: &str, to: &str| {
        let volumes = texts(&compose["services"][service]["volumes"]);
        let found = volumes.iter().find_map(|volume| {
            let parts: Vec<_> = volume.split(':').collect();
            (parts[1] == to && parts[2] == "ro").then(|| path("deploy").join(parts[0]))
        });
        found.unwrap_or_else(|| panic!("{service} has no {to}"))
    };
    let [prometheus] = &documents("deploy/prometheus/prometheus.yml")[..] else {
        panic!("one document");
    };
    mounts("prometheus", "/etc/prometheus/prometheus.yml");
    for rules in texts(&prometheus["rule_files"]) {
        assert!(mounts("prometheus", rules).ends_with("prometheus/alerts.yml"));
    }
    let job = &prometheus["scrape_configs"][0];
    let [_, probes] = ports(&GatewaySettings::default());
    assert_eq!(
        texts(&job["static_configs"][0]["targets"]),
        [format!("gateway:{probes}")]
    );
    assert_eq!(job["metrics_path"], "/metrics");
    let provisioning = "/etc/grafana/provisioning";
    for (kind, file) in [
        ("datasources", "prometheus.yaml"),
        ("dashboards", "dashboards.yaml"),
    ] {
        assert!(
            mounts("grafana", &format!("{provisioning}/{kind}"))
                .join(file)
                .exists()
        );
    }
    let [dashboards] = &documents("deploy/grafana/dashboards/dashboards.yaml")[..] else {
        panic!("one document");
    };
    let folder = dashboards["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    let dashboard = mounts("grafana", &format!("{folder}/dashboard.json"));
    assert!(dashboard.ends_with("grafana/dashboard.json"));
    let [source] = &documents("deploy/grafana/datasources/prometheus.yaml")[..] else {
        panic!("one document");
    };
    assert_eq!(source["datasources"][0]["url"], "http://prometheus:9090");
    let ports = texts(&compose["services"]["prometheus"]["ports"]);
    assert_eq!(ports, ["9090:9090"]);
}

/// Checks what both workloads must have; returns the container.
fn container<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let workload = of_kind(objects, kind);
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&workload["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&of_kind(objects, "Service")["spec"]["selector"], labels);
    let disruption = &of_kind(objects, "PodDisruptionBudget")["spec"];
    assert_eq!(&disruption["selector"]["matchLabels"], labels);
    let pod = &workload["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    // As the page says that it is built; and nobody looks for it in a registry.
    let image = container["image"].as_str().unwrap();
    assert!(text("deploy/README.md").contains(&format!("--tag {image} ")));
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    let resources = &container["resources"];
    assert!(resources["requests"]["cpu"].is_string() && resources["limits"]["memory"].is_string());
    let own = &container["securityContext"];
    assert_eq!(own["readOnlyRootFilesystem"], true);
    let mounted = container["volumeMounts"].as_array().unwrap();
    let volumes = pod["volumes"].as_array().unwrap();
    for mount in mounted {
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]));
    }
    let port = &of_kind(objects, "Service")["spec"]["ports"][0];
    assert_eq!(port["targetPort"], container["ports"][0]["name"]);
    container
}

#[test]
fn the_gateways_manifest_asks_its_probes_and_gives_it_the_time_to_stop() {
    let objects = documents("deploy/kubernetes/gateway.yaml");
    let container = container(&objects, "Deployment");
    let mapped = &of_kind(&objects, "ConfigMap")["data"]["gateway.toml"];
    let settings = settings(mapped.as_str().unwrap());
    let [requests, probes] = ports(&settings.gateway);
    assert_eq!(container["ports"][0]["containerPort"], requests);
    let port = &container["ports"][1];
    assert_eq!(port["containerPort"], probes);
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        let get = &container[probe]["httpGet"];
        assert_eq!((&get["path"], &get["port"]), (&path.into(), &port["name"]));
    }
    let pod = &of_kind(&objects, "Deployment")["spec"]["template"];
    let scraped = &pod["metadata"]["annotations"];
    assert_eq!(scraped["prometheus.io/port"], probes.to_string());
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap();
    let grace = pod["spec"]["terminationGracePeriodSeconds"]
        .as_u64()
        .unwrap();
    let page = text("deploy/README.md");
    assert!(
        page.contains("Kubernetes 1.30") && page.contains(&format!("The time to stop, {grace} s,"))
    );
    let takes = Duration::from_secs(pause) + stop(&settings.gateway);
    assert!(
        Duration::from_secs(grace) > takes,
        "{grace} s for {takes:?}"
    );
    let arguments = texts(&container["args"]);
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert_eq!(arguments, ["--config", &format!("{mount}/gateway.toml")]);
    let map = &pod["spec"]["volumes"][0]["configMap"]["name"];
    assert_eq!(map, &of_kind(&objects, "ConfigMap")["metadata"]["name"]);
}

#[test]
fn the_nodes_manifest_names_each_node_as_the_others_dial_it() {
    let objects = documents("deploy/kubernetes/nodes.yaml");
    let container = container(&objects, "StatefulSet");
    let set = of_kind(&objects, "StatefulSet");
    let service = of_kind(&objects, "Service");
    let (name, behind) = (&set["metadata"]["name"], &service["metadata"]["name"]);
    assert_eq!(&set["spec"]["serviceName"], behind);
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(service["spec"]["ports"][0]["port"], NODES);
    assert_eq!(container["ports"][0]["containerPort"], NODES);
    let [name, behind] = [name, behind].map(|it| it.as_str().unwrap());
    let replicas = set["spec"]["replicas"].as_u64().unwrap();
    let seeds: Vec<_> = (0..replicas)
        .map(|replica| format!("{name}-{replica}.{behind}:{NODES}"))
        .collect();
    let ready = texts(&container["readinessProbe"]["exec"]["command"])[1];
    let arguments = [
        format!("--host=$(POD_NAME).{behind}"),
        format!("--seeds={}", seeds.join(",")),
        format!("--nodes={replicas}"),
        format!("--ready={ready}"),
    ];
    assert_eq!(texts(&container["args"]), arguments);
    assert_eq!(container["env"][0]["name"], "POD_NAME");
    let objects = documents("deploy/kubernetes/gateway.yaml");
    let mapped = &of_kind(&objects, "ConfigMap")["data"]["gateway.toml"];
    let settings = settings(mapped.as_str().unwrap());
    assert_eq!(
        settings.client.contact_points(),
        [format!("{behind}:{NODES}")]
    );
}
