//! Commands over HTTP, many at a time; sent again until they are answered.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Apis;

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What a command was answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The refusal's code.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// Both APIs.
pub(crate) struct Annals {
    client: Client,
    apis: Apis,
}

impl Annals {
    pub(crate) fn new(apis: &Apis) -> anyhow::Result<Self> {
        if apis.api_key.is_empty() {
            bail!("no API key: set ANNALS_API_KEY (`./dev up` leaves one in .dev/key)");
        }
        Ok(Self { client: Client::builder().connect_timeout(Duration::from_secs(5)).build()?, apis: apis.clone() })
    }

    /// Sends commands in order, each under its key, and returns an answer for each. Whatever breaks, what has no answer is sent again; a
    /// command that did have its effect is answered as it was the first time.
    pub(crate) async fn send(
        &self,
        commands: &[Command],
        key: impl Fn(usize) -> String,
    ) -> anyhow::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut pause = Duration::from_millis(100);
        while answers.len() < commands.len() {
            let before = answers.len();
            let lines = commands.iter().enumerate().skip(before).map(|(number, Command { path, body })| {
                format!("{}\n", json!({ "path": path, "body": body, "idempotency_key": key(number) }))
            });
            if let Err(trouble) = self.send_once(lines.collect(), &mut answers).await {
                if answers.len() == before {
                    eprintln!("no answer ({trouble:#}); trying again");
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                tokio::time::sleep(pause).await;
            } else {
                pause = Duration::from_millis(100);
            }
        }
        Ok(answers)
    }

    /// Takes answers up to the first that is none: a failure on the other side.
    async fn send_once(&self, lines: String, answers: &mut Vec<Answer>) -> anyhow::Result<()> {
        let request =
            self.client.post(format!("{}/v1/commands", self.apis.command_url)).bearer_auth(&self.apis.api_key);
        let response = request.header("content-type", "application/x-ndjson").body(lines).send().await?;
        if response.status().is_client_error() {
            eprintln!("the command API refuses: {} {}", response.status(), response.text().await.unwrap_or_default());
            std::process::exit(1);
        }
        let mut body = response.error_for_status()?.bytes_stream();
        let mut rest = Vec::new();
        while let Some(bytes) = body.next().await {
            rest.extend_from_slice(&bytes?);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let answer: Answer = serde_json::from_slice(&line).context("an answer that is none")?;
                if answer.status >= 500 {
                    bail!("{} {}", answer.status, answer.body["detail"]);
                }
                answers.push(answer);
            }
        }
        Ok(())
    }

    /// What a query is answered; asked again while the other side has no answer.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        for _ in 0..60 {
            let asked =
                self.client.get(format!("{}{path}", self.apis.query_url)).bearer_auth(&self.apis.api_key).send().await;
            match asked {
                Ok(response) if response.status() == StatusCode::NOT_FOUND => return Ok(Value::Null),
                Ok(response) if response.status().is_client_error() => {
                    bail!("{path}: {}", response.text().await.unwrap_or_default())
                }
                Ok(response) if response.status().is_success() => return Ok(response.json().await?),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
        bail!("no answer to {path} from {}", self.apis.query_url)
    }

    /// All items of a list, page by page.
    pub(crate) async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.get(&format!("{path}{joint}limit=500{cursor}")).await?;
            if let Some(page) = page["items"].as_array_mut() {
                items.append(page);
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Waits until every projection has applied the whole log.
    pub(crate) async fn settled(&self) -> anyhow::Result<()> {
        for _ in 0..1200 {
            let projections = self.get("/v1/projections").await?;
            let projections = projections.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(stopped) = projections.iter().find(|projection| projection["status"] == "stopped") {
                bail!("the projection {} has stopped: {}", stopped["name"], stopped["error"]);
            }
            if !projections.is_empty() && projections.iter().all(|projection| projection["lag_events"] == 0) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        bail!("the projections did not catch up within five minutes")
    }
}
