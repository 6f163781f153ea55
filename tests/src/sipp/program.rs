//! A program that a test started: what it wrote, how it ended. It is ended with the test.

use core::time::Duration;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, poll};

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    written: PathBuf,
}

impl Program {
    /// Starts `command`; what it writes goes to a file in `folder`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, command: Command, folder: &Path) -> Self {
        let written = folder.join(format!("{name}.out"));
        let file = File::create(&written).expect("a file can be made");
        let shared = file.try_clone().expect("a file can be shared");
        Self::launch(name, command, written, (file, shared))
    }

    /// Starts `command`, whose output is not text: it goes to the file `output`, and only what it complains of is what
    /// it [has written](Self::written).
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_apart(name: &str, command: Command, folder: &Path, output: &Path) -> Self {
        let written = folder.join(format!("{name}.out"));
        let [output, complaints] =
            [output, &written].map(|path| File::create(path).expect("a file can be made"));
        Self::launch(name, command, written, (output, complaints))
    }

    fn launch(
        name: &str,
        mut command: Command,
        written: PathBuf,
        (output, complaints): (File, File),
    ) -> Self {
        command.stdin(Stdio::null()).stdout(output).stderr(complaints);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child, written }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.written).unwrap_or_default()).into_owned()
    }

    /// Waits until it has written `text`.
    ///
    /// # Panics
    /// When it ends without, or does not for [`PATIENCE`].
    pub fn has_written(&mut self, text: &str) {
        let found = poll(PATIENCE, || {
            // Looked at first: what it wrote before it ended counts.
            let ended = self.ended();
            match self.written().contains(text) {
                true => Some(Ok(())),
                false => ended.map(Err),
            }
        });
        match found {
            Some(Ok(())) => {}
            Some(Err(status)) => panic!("{} ended ({status}) and never wrote {text:?}", self.name),
            None => panic!("{} does not write {text:?}", self.name),
        }
    }

    /// Waits up to `patience` for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn end(&mut self, patience: Duration) -> ExitStatus {
        poll(patience, || self.ended())
            .unwrap_or_else(|| panic!("{} does not end within {} s", self.name, patience.as_secs_f32()))
    }

    /// How it ended; none while it runs.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the system says how a child is")
    }

    /// Ends it as a crash does.
    ///
    /// # Panics
    /// When the system does not say how it ended.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("the system says how a child ended");
    }

    /// Sends it SIGTERM.
    ///
    /// # Panics
    /// When it has ended.
    pub fn terminate(&mut self) {
        assert!(self.ended().is_none(), "{} has ended before it was told to", self.name);
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a child can be sent a signal");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
