//! The dashboard and the alarms: each of their queries is about something that the exporter tells.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::exposition::Exposition;
use crate::metrics::of_a_gateway_at_work;
use crate::promql::Query;

/// Returns a file of this package.
fn file(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the dashboard.
fn dashboard() -> Value {
    serde_json::from_str(&file("grafana/dashboard.json")).unwrap()
}

/// Returns the panels of the dashboard that show something.
fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().unwrap().clone();
    let shown = panels.into_iter().filter(|panel| panel["type"] != "row");
    shown.collect()
}

/// Returns the title, the query and the legend of each curve.
fn curves() -> Vec<(String, String, String)> {
    let mut curves = Vec::new();
    for panel in panels() {
        for target in panel["targets"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            curves.push((
                text(&panel["title"]),
                text(&target["expr"]),
                text(&target["legendFormat"]),
            ));
        }
    }
    curves
}

/// Returns the name and the query of each alarm.
fn alarms() -> Vec<(String, String)> {
    let rules: Value = serde_norway::from_str(&file("prometheus/alerts.yml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules
        .map(|rule| (text(&rule["alert"]), text(&rule["expr"])))
        .collect()
}

/// Returns the metrics that queries name, histograms by their own names.
fn named<'a>(queries: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for query in queries {
        for metric in Query::parse(query).metrics {
            let mut stem = ["_bucket", "_count", "_sum"].iter();
            let stem = stem.find_map(|ending| metric.name.strip_suffix(ending));
            named.insert(stem.unwrap_or(&metric.name).to_owned());
        }
    }
    named
}

fn check(what: &str, query: &Query, read: &Exposition) {
    let missing = query.missing(read);
    assert!(missing.is_empty(), "{what}: nobody tells of {missing:?}");
}

#[tokio::test]
async fn every_curve_of_the_dashboard_is_of_metrics_and_labels_that_are_told() {
    let read = of_a_gateway_at_work("dashboard").await;
    for (title, text, legend) in curves() {
        let query = Query::parse(&text);
        check(&title, &query, &read);
        for label in legend.split("{{").skip(1) {
            let (label, _) = label.split_once("}}").expect(&legend);
            assert!(
                query.by.contains(label),
                "{title}: {label} is not in {text}"
            );
        }
    }
}

#[tokio::test]
async fn every_alarm_is_about_metrics_and_labels_that_are_told() {
    let read = of_a_gateway_at_work("alarms").await;
    for (name, text) in alarms() {
        let query = Query::parse(&text);
        check(&name, &query, &read);
        // Its texts name them.
        assert!(query.by.contains("instance"), "{name}");
    }
}

#[test]
fn the_dashboard_shows_every_metric_of_the_documentation() {
    let page = file("../../docs/metrics.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `casty_client_"));
    let documented = rows.map(|row| format!("casty_client_{}", row.split('`').next().unwrap()));
    let documented: BTreeSet<_> = documented.collect();
    let curves = curves();
    let shown = named(curves.iter().map(|(_, query, _)| &**query));
    let unseen: Vec<_> = documented.difference(&shown).collect();
    assert!(unseen.is_empty(), "no panel shows {unseen:?}");
    let other = shown.difference(&documented);
    let own: Vec<_> = other.map(String::as_str).collect();
    assert_eq!(own, ["gateway_request_duration_seconds", "gateway_streams"]);
}

#[test]
fn there_is_an_alarm_for_each_that_the_documentation_calls_worth_one() {
    let page = file("../../docs/metrics.md");
    let (_, worth) = page.split_once("What is worth an alarm:").unwrap();
    let names = worth.split('`').skip(1).step_by(2);
    let names = names.filter(|name| name.starts_with("casty_client_"));
    let worth: BTreeSet<_> = names
        .map(|name| name.split('{').next().unwrap().to_owned())
        .collect();
    assert!(worth.len() >= 4, "{worth:?}");
    let alarms = alarms();
    let rung = named(alarms.iter().map(|(_, query)| &**query));
    let silent: Vec<_> = worth.difference(&rung).collect();
    assert!(silent.is_empty(), "no alarm for {silent:?}");
}

/// Adds the names of all sources in a part of the dashboard.
fn sources(of: &Value, found: &mut Vec<String>) {
    match of {
        Value::Object(fields) => {
            if let Some(source) = fields.get("datasource") {
                found.push(source["uid"].as_str().expect("a name").to_owned());
            }
            fields.values().for_each(|value| sources(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| sources(value, found)),
        _ => {}
    }
}

#[test]
fn everything_reads_from_the_source_that_is_chosen_at_first_the_provisioned_one() {
    let dashboard = dashboard();
    let mut found = Vec::new();
    sources(&dashboard, &mut found);
    assert!(found.len() > 2 * panels().len(), "{found:?}");
    assert!(found.iter().all(|uid| uid == "${datasource}"), "{found:?}");
    let chosen = &dashboard["templating"]["list"][0];
    assert_eq!(chosen["name"], "datasource");
    assert_eq!(chosen["type"], "datasource");
    let source: Value =
        serde_norway::from_str(&file("deploy/grafana/datasources/prometheus.yaml")).unwrap();
    let source = &source["datasources"][0];
    assert_eq!(chosen["query"], source["type"]);
    assert_eq!(chosen["current"]["value"], source["uid"]);
    assert_eq!(chosen["current"]["text"], source["name"]);
}

#[test]
fn every_curve_is_of_the_systems_and_instances_that_are_chosen() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for (name, query) in [
        ("system", "label_values(casty_client_clients, system)"),
        (
            "instance",
            "label_values(casty_client_clients{system=~\"$system\"}, instance)",
        ),
    ] {
        let variable = variables.iter().find(|it| it["name"] == name).unwrap();
        assert_eq!(variable["query"]["query"], query);
        // All of them, until one is chosen.
        assert_eq!(variable["allValue"], ".*");
        assert_eq!(variable["current"]["value"], "$__all");
    }
    let chosen = |label: &str| (label.to_owned(), "=~".to_owned(), format!("${label}"));
    for (title, text, _) in curves() {
        for metric in Query::parse(&text).metrics {
            let is_of = |label| metric.matchers.contains(&chosen(label));
            assert!(is_of("instance"), "{title}: {text}");
            let is_clients = metric.name.starts_with("casty_client_");
            assert_eq!(is_of("system"), is_clients, "{title}: {text}");
        }
    }
}

#[test]
fn panels_lie_beside_each_other() {
    let mut places = BTreeSet::new();
    for panel in panels() {
        let place = &panel["gridPos"];
        let place = ["x", "y"].map(|axis| place[axis].as_u64().unwrap());
        assert!(places.insert(place), "two panels at {place:?}");
    }
}
