//! Judging in another process, so that native code that goes wrong costs a program and not the harness.
//!
//! In:  a [`Job`], as a line of JSON to a `plumb worker`.
//! Out: its [`Judged`], as a line of JSON; or, where the process died or fell silent, a divergence that
//!      says so, with what it wrote to stderr.
//!
//! A fault inside a trace is a trap, and a verdict like any other (`exec::native::fault`). But a wild store
//! may hit what belongs to us, and then the process dies in some allocation later: nobody can catch that
//! from within.
//!
//! Invariants:
//! - each thread has a process of its own, and one question open at a time;
//! - a process that has shown a defect is not asked again: its memory cannot be trusted;
//! - a process that dies is asked once more, anew, if it had answered others before: then either this
//!   program alone kills it, or an earlier one did, and the finding says which.
//!
//! Limit: a loop that does not pass its trace's head hears no fuel and no signal of ours, so here, and only
//! here, a clock on the wall decides.

use crate::faults;
use crate::generate::CaseConfig;
use crate::harness::{Answer, Finding, Job, Judged, judge_here};
use crate::runner::command;
use plumb_jit::trace::abort::Abort;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::trace::stats::JitStats;
use plumb_jit::vm::host::signal;
use plumb_oracle::check::died;
use plumb_oracle::verdict::{Compared, Divergence, Reason};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

// -- what is said -----------------------------------------------------------------------------------

/// A job as it travels.
#[derive(Serialize, Deserialize)]
struct Question {
    source: Vec<u8>,
    chunk_name: String,
    config: CaseConfig,
    executor: String,
    /// The planted fault's name.
    fault: Option<String>,
    check: bool,
    thorough: bool,
    fuel: u64,
}

/// An answer as it travels.
#[derive(Serialize, Deserialize)]
struct Reply {
    answer: Said,
    #[serde(with = "Counters")]
    stats: JitStats,
}

#[derive(Serialize, Deserialize)]
enum Said {
    Agree(Compared),
    Diverge(Box<Divergence>),
    Panic(String),
    Inconclusive(Reason),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "JitStats")]
struct Counters {
    recordings: u64,
    compiled: u64,
    #[serde(with = "by_name")]
    aborts: BTreeMap<Abort, u64>,
    blacklisted: u64,
    retired: u64,
    entries: u64,
    exits: u64,
    side_exits: u64,
    hot_exits: u64,
    loop_arrivals: u64,
    thrash: u64,
    forced_exits: u64,
    refereed: u64,
    flushes: u64,
}

mod by_name {
    use super::{Abort, BTreeMap, Deserialize, Serialize};
    use serde::de::{Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(
        aborts: &BTreeMap<Abort, u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let named: BTreeMap<&str, u64> =
            aborts.iter().map(|(abort, count)| (abort.name(), *count)).collect();
        named.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Abort, u64>, D::Error> {
        let named = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let known = |name: &str| Abort::ALL.iter().copied().find(|abort| abort.name() == name);
        let entry = |(name, count): (String, u64)| {
            let abort = known(&name).ok_or_else(|| D::Error::custom("an unknown abort"))?;
            Ok((abort, count))
        };
        named.into_iter().map(entry).collect()
    }
}

const EXECUTORS: [ExecutorKind; 5] = [
    ExecutorKind::Eval,
    ExecutorKind::Mach,
    ExecutorKind::Allocated,
    ExecutorKind::Simulator,
    ExecutorKind::Native,
];

impl Question {
    /// `None` for a job that cannot travel: its tap has no name.
    fn of(job: &Job) -> Option<Question> {
        let fault = match &job.tap {
            None => None,
            Some(tap) => Some(tap.name()?.to_string()),
        };
        Some(Question {
            source: job.source.to_vec(),
            chunk_name: job.chunk_name.into(),
            config: job.config.clone(),
            executor: job.executor.name().into(),
            fault,
            check: job.check,
            thorough: job.thorough,
            fuel: job.fuel,
        })
    }

    fn judge(self) -> anyhow::Result<Judged> {
        let executor = EXECUTORS.into_iter().find(|kind| kind.name() == self.executor);
        let executor = executor.ok_or_else(|| anyhow::anyhow!("no such executor"))?;
        let tap = match &self.fault {
            None => None,
            Some(name) => {
                let fault = faults::find(name).ok_or_else(|| anyhow::anyhow!("no such fault"))?;
                Some(fault.tap())
            }
        };
        Ok(judge_here(&Job {
            source: &self.source,
            chunk_name: &self.chunk_name,
            config: self.config,
            executor,
            tap,
            check: self.check,
            thorough: self.thorough,
            fuel: self.fuel,
        }))
    }
}

impl From<Judged> for Reply {
    fn from(judged: Judged) -> Reply {
        let answer = match judged.answer {
            Answer::Agree(compared) => Said::Agree(compared),
            Answer::Found(Finding::Diverge(divergence)) => Said::Diverge(divergence),
            Answer::Found(Finding::Panic(text)) => Said::Panic(text),
            Answer::Inconclusive(reason) => Said::Inconclusive(reason),
        };
        Reply { answer, stats: judged.stats }
    }
}

impl From<Reply> for Judged {
    fn from(reply: Reply) -> Judged {
        let answer = match reply.answer {
            Said::Agree(compared) => Answer::Agree(compared),
            Said::Diverge(divergence) => Answer::Found(Finding::Diverge(divergence)),
            Said::Panic(text) => Answer::Found(Finding::Panic(text)),
            Said::Inconclusive(reason) => Answer::Inconclusive(reason),
        };
        Judged { answer, stats: reply.stats }
    }
}

// -- the process that answers -------------------------------------------------------------------------

/// Answers questions from stdin on stdout until there are no more; then the process is over, also if it
/// hangs in one.
pub fn serve() -> anyhow::Result<()> {
    // Ctrl-C reaches all processes of a terminal; what is under way would look like a program that kills.
    signal::ignore_interrupt();
    std::panic::set_hook(Box::new(|_| {}));
    let (send, questions) = channel::<String>();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { break };
            if send.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    for line in questions {
        let question: Question = serde_json::from_str(&line)?;
        let reply = serde_json::to_string(&Reply::from(question.judge()?))?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{reply}")?;
        stdout.flush()?;
    }
    Ok(())
}

// -- the process that asks ----------------------------------------------------------------------------

/// The `plumb` program to ask, where jobs are to be judged elsewhere.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

thread_local! {
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// Has native jobs of this process judged by processes of `program`, which must be this `plumb`.
pub fn isolate(program: &Path) {
    // Whoever asks first decides: a process has one program.
    let _ = PROGRAM.set(program.to_path_buf());
}

/// Whether this job is to be judged elsewhere.
pub fn isolates(job: &Job) -> bool {
    let travels = job.tap.as_ref().is_none_or(|tap| tap.name().is_some());
    job.executor == ExecutorKind::Native && PROGRAM.get().is_some() && travels
}

/// Asks this thread's worker; `None` if the job is to be judged here.
pub fn judge_elsewhere(job: &Job) -> Option<Judged> {
    if !isolates(job) {
        return None;
    }
    let program = PROGRAM.get()?;
    Some(WORKER.with_borrow_mut(|worker| {
        let worker = worker.get_or_insert_with(|| {
            let program = program.clone();
            Worker::new(Box::new(move || {
                let mut worker = command(&program);
                worker.arg("worker");
                worker
            }))
        });
        worker.judge(job, patience(job.fuel))
    }))
}

/// How long a process may keep silent: far beyond what its fuel lasts, under an emulator too.
fn patience(fuel: u64) -> Duration {
    Duration::from_secs(60) + Duration::from_micros(20).saturating_mul(fuel.min(1 << 30) as u32)
}

/// A process that judges, started when there is something to judge.
pub struct Worker {
    command: Box<dyn Fn() -> Command>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    replies: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    answered: u64,
}

/// How a process failed to answer.
struct Death {
    report: String,
    /// Whether it had judged other programs before.
    aged: bool,
}

impl Worker {
    pub fn new(command: Box<dyn Fn() -> Command>) -> Worker {
        Worker { command, process: None }
    }

    pub fn judge(&mut self, job: &Job, patience: Duration) -> Judged {
        let question = Question::of(job).expect("only jobs that can travel are asked elsewhere");
        let judged = match self.ask(&question, patience) {
            Ok(judged) => judged,
            Err(death) if death.aged => match self.ask(&question, patience) {
                Ok(Judged { answer: Answer::Agree(_) | Answer::Inconclusive(_), stats }) => {
                    let text = format!(
                        "{}, though not of this program alone: an earlier one damaged its memory",
                        death.report
                    );
                    Judged { answer: Answer::Found(Finding::Panic(text)), stats }
                }
                Ok(judged) => judged,
                Err(death) => dead(death),
            },
            Err(death) => dead(death),
        };
        if matches!(judged.answer, Answer::Found(_)) {
            self.process = None;
        }
        judged
    }

    fn ask(&mut self, question: &Question, patience: Duration) -> Result<Judged, Death> {
        let process = self.process.get_or_insert_with(|| Process::start((self.command)()));
        match process.ask(question, patience) {
            Some(reply) => {
                process.answered += 1;
                Ok(reply.into())
            }
            None => {
                let process = self.process.take().expect("it has just been asked");
                let aged = process.answered > 0;
                Err(Death { report: process.end(), aged })
            }
        }
    }
}

fn dead(death: Death) -> Judged {
    let divergence = Box::new(died(&death.report));
    Judged { answer: Answer::Found(Finding::Diverge(divergence)), stats: JitStats::default() }
}

impl Process {
    fn start(mut command: Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started again");
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let (send, replies) = channel();
        std::thread::spawn(move || forward(BufReader::new(stdout), &send));
        let stderr = std::thread::spawn(move || last_words(stderr));
        let stdin = child.stdin.take();
        Process { child, stdin, replies, stderr: Some(stderr), answered: 0 }
    }

    /// `None` if there is no answer in time, or nobody to give one.
    fn ask(&mut self, question: &Question, patience: Duration) -> Option<Reply> {
        let mut line = serde_json::to_string(question).expect("a question is plain data");
        line.push('\n');
        // Who died is found out by reading.
        let _ = self.stdin.as_mut()?.write_all(line.as_bytes());
        match self.replies.recv_timeout(patience) {
            Ok(reply) => serde_json::from_str(&reply).ok(),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.stdin = None;
                // It may have ended meanwhile.
                let _ = self.child.kill();
                None
            }
        }
    }

    /// What became of it.
    fn end(mut self) -> String {
        let silent = self.stdin.is_none();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |s| s.to_string());
        let words = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let how = match silent {
            true => "the process of native traces gave no answer and was ended".to_string(),
            false => format!("the process of native traces died ({status})"),
        };
        if words.trim().is_empty() { how } else { format!("{how}\n{}", words.trim_end()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // At the end of its input it ends by itself, if it still can.
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(replies: impl BufRead, send: &Sender<String>) {
    for line in replies.lines() {
        let Ok(line) = line else { return };
        if send.send(line).is_err() {
            return;
        }
    }
}

/// The end of what a process writes.
fn last_words(mut from: impl Read) -> String {
    const KEPT: usize = 4096;
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..count]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::harness::GENERATED_FUEL;

    fn job() -> Job<'static> {
        Job {
            source: b"return 1",
            chunk_name: "=test",
            config: CaseConfig::default(),
            executor: ExecutorKind::Simulator,
            tap: None,
            check: false,
            thorough: false,
            fuel: GENERATED_FUEL,
        }
    }

    fn shell(script: &'static str) -> Worker {
        Worker::new(Box::new(move || {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            shell
        }))
    }

    fn reply() -> String {
        serde_json::to_string(&Reply::from(judge_here(&job()))).unwrap()
    }

    fn text(judged: &Judged) -> String {
        match &judged.answer {
            Answer::Found(Finding::Diverge(found)) => {
                found.right_state.ending.clone().unwrap_or_default()
            }
            answer => panic!("{answer:?}"),
        }
    }

    #[test]
    fn a_process_that_dies_is_a_divergence_with_its_last_words() {
        let mut worker = shell("read q; echo 'free(): invalid pointer' >&2; kill -SEGV $$");
        for _ in 0..2 {
            let text = text(&worker.judge(&job(), Duration::from_secs(30)));
            assert!(text.starts_with("broke a rule: crash: the process"), "{text}");
            assert!(text.contains("SIGSEGV") && text.ends_with("invalid pointer"), "{text}");
        }
    }

    #[test]
    fn a_process_that_falls_silent_is_ended() {
        let mut worker = shell("read q; exec sleep 100");
        let text = text(&worker.judge(&job(), Duration::from_millis(200)));
        assert!(text.contains("gave no answer"), "{text}");
    }

    /// It answers once and dies of the second question; a new one answers that.
    #[test]
    fn who_dies_of_an_earlier_program_is_told_apart() {
        let script = format!("read q; echo '{}'; read q; kill -ABRT $$", reply());
        let mut worker = Worker::new(Box::new(move || {
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]);
            shell
        }));
        let patience = Duration::from_secs(30);
        assert!(matches!(worker.judge(&job(), patience).answer, Answer::Agree(_)));
        let Answer::Found(Finding::Panic(text)) = worker.judge(&job(), patience).answer else {
            panic!("the second question kills it");
        };
        assert!(text.contains("an earlier one damaged its memory"), "{text}");
    }
}
