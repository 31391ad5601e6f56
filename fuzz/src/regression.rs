//! Cases kept forever: `regressions/<slug>/{case.lua, case.json}`.
//!
//! In:  a folder, or a finding to be kept.   Out: a [`RegressionCase`], a folder.
//!
//! `case.lua` is readable Lua and stands alone; `case.json` says under which knobs it runs and why it is
//! here. A case with status `open` is known to diverge; all others must agree and, where `output` is given,
//! print exactly that.

use crate::generate::CaseConfig;
use crate::harness::{Answer, Finding};
use anyhow::Context;
use plumb_jit::trace::config::ExecutorKind;
use plumb_oracle::blame::Blame;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Why a case is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// A result known from outside.
    GroundTruth,
    /// Diverged once; must agree.
    Fixed,
    /// Diverges; somebody works on it.
    Open,
}

/// The contents of `case.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    pub status: Status,
    /// What went wrong, or could.
    pub story: String,
    #[serde(default)]
    pub config: CaseConfig,
    /// What ran the traces when it was found, as `--executor` names it; `plumb repro` uses it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// What the divergence looked like when it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// What is blamed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<BlameFile>,
    /// The seed that showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the program prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Traces that must be compiled, so that the case goes on testing what it was made for.
    #[serde(default)]
    pub min_traces: u64,
}

/// A blame as files keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlameFile {
    /// What tells this defect from others.
    pub key: String,
    pub title: String,
    pub stage: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<u32>,
}

impl BlameFile {
    pub fn new(blame: &Blame) -> BlameFile {
        BlameFile {
            key: blame.key(),
            title: blame.title(),
            stage: blame.stage.name().into(),
            pass: blame.pass.map(Into::into),
            rule: blame.rule.clone(),
            op: blame.op.clone(),
            exit_kind: blame.exit_kind.clone(),
            trace: blame.trace,
        }
    }
}

/// A case read from its folder.
#[derive(Clone, Debug)]
pub struct RegressionCase {
    pub folder: PathBuf,
    pub source: Vec<u8>,
    pub file: CaseFile,
}

impl RegressionCase {
    /// Reads `folder/case.lua` and `folder/case.json`.
    pub fn load(folder: &Path) -> anyhow::Result<RegressionCase> {
        let lua = folder.join("case.lua");
        let json = folder.join("case.json");
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        let source = read(&lua)?;
        let file: CaseFile = serde_json::from_slice(&read(&json)?)
            .with_context(|| format!("`{}` is not a case file", json.display()))?;
        let config = file.config.check().map_err(anyhow::Error::msg);
        config.with_context(|| format!("`{}` cannot be replayed", json.display()))?;
        Ok(RegressionCase { folder: folder.to_path_buf(), source, file })
    }

    /// All cases under `regressions/`, by name.
    pub fn load_all(regressions: &Path) -> anyhow::Result<Vec<RegressionCase>> {
        let entries = std::fs::read_dir(regressions)
            .with_context(|| format!("cannot read `{}`", regressions.display()))?;
        let mut folders: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        folders.iter().map(|folder| RegressionCase::load(folder)).collect()
    }
}

/// The name of a case: its folder's.
pub fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Saves a reduced finding as an open case; an existing folder of the same finding is replaced.
pub fn save(
    regressions: &Path,
    seed: u64,
    signature: &str,
    source: &str,
    config: &CaseConfig,
    executor: ExecutorKind,
    blame: Option<&Blame>,
) -> anyhow::Result<PathBuf> {
    let words: Vec<&str> =
        signature.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let slug: String = words.join("-").to_lowercase().chars().take(48).collect();
    let folder = regressions.join(format!("{slug}-seed-{seed}"));
    let shown = folder.display().to_string();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{shown}`"))?;
    let file = CaseFile {
        status: Status::Open,
        story: format!("Found by a sweep: {signature}."),
        config: config.clone(),
        executor: Some(executor.name().to_string()),
        signature: Some(signature.to_string()),
        blame: blame.map(BlameFile::new),
        seed: Some(seed),
        output: None,
        min_traces: 0,
    };
    let json = serde_json::to_string_pretty(&file)? + "\n";
    std::fs::write(folder.join("case.lua"), source)
        .with_context(|| format!("cannot write to `{shown}`"))?;
    std::fs::write(folder.join("case.json"), json)
        .with_context(|| format!("cannot write to `{shown}`"))?;
    Ok(folder)
}

/// An answer as text for people, what is blamed first.
pub fn report(answer: &Answer, source: &[u8], blame: Option<&Blame>) -> String {
    let blame = blame.map(plumb_oracle::report::blame).unwrap_or_default();
    blame + &answer_text(answer, source)
}

fn answer_text(answer: &Answer, source: &[u8]) -> String {
    match answer {
        Answer::Agree(compared) => plumb_oracle::report::compared(compared),
        Answer::Found(Finding::Diverge(divergence)) => {
            plumb_oracle::report::divergence(divergence, source, None)
        }
        Answer::Found(Finding::Panic(text)) => format!("Plumb panicked (a bug of ours):\n{text}\n"),
        Answer::Inconclusive(reason) => format!("inconclusive: {reason}\n"),
    }
}
