//! Runs the binary on a pseudo-terminal, which the test controls like a user.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize};

/// Far longer than any prompt should take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The time to read what a program wrote before it ended.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A run on a terminal.
pub struct TerminalSession {
    child: Child,
    keyboard: File,
    screen: Arc<(Mutex<String>, Condvar)>,
    reader_thread: std::thread::JoinHandle<()>,
    /// The position on the screen up to which [`Session::expect`] has read.
    read: usize,
}

/// The end of a session.
pub struct TerminalOutput {
    pub code: i32,
    pub stdout: String,
    /// Everything that the terminal displayed, including escape codes.
    pub screen: String,
    /// Whether the terminal displays input.
    echoes: bool,
}

impl TerminalOutput {
    /// Returns the last line of the output.
    pub fn last_line(&self) -> String {
        let plain = console::strip_ansi_codes(&self.screen);
        plain.trim_end().lines().last().unwrap_or_default().to_owned()
    }

    /// Checks that the terminal was restored: input is displayed, and the cursor is visible and at the beginning of a
    /// line.
    #[track_caller]
    pub fn assert_restored(&self) {
        assert!(self.echoes, "what is typed is not shown:\n{}", self.screen);
        let (hidden, shown) = (self.screen.rfind("\u{1b}[?25l"), self.screen.rfind("\u{1b}[?25h"));
        assert!(hidden <= shown, "the cursor is hidden: {:?}", self.screen);
        assert!(self.screen.ends_with('\n'), "a line without end: {:?}", self.screen);
    }
}

fn resize(terminal: impl std::os::fd::AsFd, columns: u16) {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(terminal, size).expect("a terminal");
}

impl TerminalSession {
    /// Starts the command on a terminal; stdout is a pipe.
    pub fn start(command: Command) -> Self {
        Self::spawn(command, false, None)
    }

    /// Starts the command on a terminal of this width; stdout is a pipe.
    pub fn start_with_columns(command: Command, columns: u16) -> Self {
        Self::spawn(command, false, Some(columns))
    }

    /// Starts the command on a terminal, including its stdout.
    pub fn start_with_stdout(command: Command) -> Self {
        Self::spawn(command, true, None)
    }

    fn spawn(mut command: Command, stdout_too: bool, columns: Option<u16>) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("the right to it");
        unlockpt(&master).expect("its other end");
        if let Some(columns) = columns {
            resize(&master, columns);
        }
        let name = ptsname(&master, Vec::new()).expect("its name");
        let open = || rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
        let [stdin, stdout, stderr]: [OwnedFd; 3] = [0; 3].map(|_| open().expect("the other end"));
        let stdout = if stdout_too {
            Stdio::from(stdout)
        } else {
            Stdio::piped()
        };
        command.env("TERM", "xterm").stdin(stdin).stdout(stdout).stderr(stderr);
        let child = command.spawn().expect("the binary starts");
        // The command keeps this side of the terminal open until it is dropped.
        drop(command);
        let screen = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().expect("a second handle");
        let seen = Arc::clone(&screen);
        let reading = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The terminal reports an error after the other end is closed.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                seen.0
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..length]));
                seen.1.notify_all();
            }
        });
        Self {
            child,
            keyboard,
            screen,
            reader_thread: reading,
            read: 0,
        }
    }

    /// Waits until the text is displayed after the previously expected text.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let until = Instant::now() + TIMEOUT;
        let mut screen = self.screen.0.lock().unwrap();
        loop {
            if let Some(at) = screen[self.read..].find(text) {
                self.read += at + text.len();
                drop(screen);
                return self;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{text}` was not shown:\n{screen}");
            screen = self.screen.1.wait_timeout(screen, left).unwrap().0;
        }
    }

    /// Waits until the terminal no longer displays input. Earlier input is discarded.
    #[track_caller]
    pub fn expect_no_echo(&mut self) -> &mut Self {
        let until = Instant::now() + TIMEOUT;
        while self.echoes() {
            assert!(Instant::now() < until, "the terminal still shows what is typed");
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    fn echoes(&self) -> bool {
        let settings = rustix::termios::tcgetattr(&self.keyboard).expect("a terminal");
        settings.local_modes.contains(LocalModes::ECHO)
    }

    /// Changes the width of the terminal.
    pub fn resize(&self, columns: u16) {
        resize(&self.keyboard, columns);
    }

    /// Sends input.
    pub fn send_keys(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).expect("a keyboard");
        self
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.child.id() as i32).expect("an id");
        rustix::process::kill_process(id, signal).expect("a running program");
    }

    /// Waits for the end of the program.
    pub fn wait(mut self) -> TerminalOutput {
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).expect("text");
        }
        let status = self.child.wait().expect("an end");
        // The last output may not have reached the reading thread. A process that another test started at the same time
        // may keep the other end open.
        let until = Instant::now() + DRAIN_TIMEOUT;
        while !self.reader_thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        TerminalOutput {
            code: status.code().unwrap_or(-1),
            stdout,
            echoes: self.echoes(),
            screen: self.screen.0.lock().unwrap().clone(),
        }
    }
}
