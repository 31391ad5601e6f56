//! `plumb run` as a `lua`: what it writes to stdout and stderr and how it ends, as PUC's `lua.c` does.

use plumb_fuzz::runner::command;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A command in a folder of its own, without the environment's Lua settings.
fn lua(folder: &str, args: &[&str]) -> Command {
    let folder = directory(folder);
    let mut command = command(env!("CARGO_BIN_EXE_plumb"));
    command.arg("run").args(args).current_dir(folder).stdin(Stdio::null());
    for name in
        ["LUA_INIT", "LUA_INIT_5_4", "LUA_PATH", "LUA_PATH_5_4", "LUA_CPATH", "LUA_CPATH_5_4"]
    {
        command.env_remove(name);
    }
    command
}

fn directory(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plumb-lua-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    folder
}

fn file(folder: &str, name: &str, contents: &[u8]) {
    std::fs::write(directory(folder).join(name), contents).expect("a file can be written");
}

/// Exit code, stdout, stderr.
fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn run(args: &[&str]) -> (i32, String, String) {
    ended(lua("", args).output().expect("plumb starts"))
}

fn run_with_input(args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut command = lua("", args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("plumb starts");
    // It may end without having read all, or any, of it.
    let _ = child.stdin.take().expect("piped").write_all(input);
    ended(child.wait_with_output().expect("plumb ends"))
}

#[track_caller]
fn expect(args: &[&str], code: i32, stdout: &str, stderr: &str) {
    let expected = (code, stdout.to_string(), stderr.to_string());
    assert_eq!(run(args), expected, "{args:?}");
}

/// The traceback of an error that a chunk's only function call, `error`, raised.
fn error_trace(chunk: &str) -> String {
    format!(
        "stack traceback:\n\t[C]: in function 'error'\n\t{chunk}:1: in main chunk\n\t[C]: in ?\n"
    )
}

#[test]
fn statements_and_libraries_come_in_order() {
    expect(&["-e", "x = 1", "-ey=2", "-e", "print(x, y)"], 0, "1\t2\n", "");
    expect(
        &["-l", "t=table", "-lu=utf8", "-e", "print(t == table, u == utf8)"],
        0,
        "true\ttrue\n",
        "",
    );
}

#[test]
fn errors_are_shown_with_a_traceback() {
    let trace = error_trace("(command line)");
    expect(&["-e", "error('oops')"], 1, "", &format!("lua: (command line):1: oops\n{trace}"));
    expect(&["-e", "error('x', 0)"], 1, "", &format!("lua: x\n{trace}"));
    for value in ["{}", "print", "true", "nil"] {
        let kind = match value {
            "{}" => "table",
            "print" => "function",
            "true" => "boolean",
            _ => "nil",
        };
        let message = format!("lua: (error object is a {kind} value)\n{trace}");
        expect(&["-e", &format!("error({value})")], 1, "", &message);
    }
    let object = "error(setmetatable({}, {__tostring = function() return 'shown' end}))";
    expect(&["-e", object], 1, "", "lua: shown\n");
    let object = "error(setmetatable({}, {__tostring = function() return 1 end}))";
    let message = format!("lua: (error object is a table value)\n{trace}");
    expect(&["-e", object], 1, "", &message);
    expect(&["-e", "x ="], 1, "", "lua: (command line):1: unexpected symbol near <eof>\n");
    let message = format!("lua: (command line):1: first\n{trace}");
    expect(&["-e", "error('first')", "-e", "print(2)"], 1, "", &message);
}

#[test]
fn tracebacks_name_functions() {
    let script = b"local function inner() error('deep') end\nfunction outer() inner() end\n\
local t = {m = function() outer() end}\nt.m()\n";
    file("trace", "s.lua", script);
    let output = lua("trace", &["s.lua"]).output().expect("plumb starts");
    let expected = "lua: s.lua:1: deep\nstack traceback:\n\t[C]: in function 'error'\n\t\
s.lua:1: in upvalue 'inner'\n\ts.lua:2: in function 'outer'\n\ts.lua:3: in field 'm'\n\t\
s.lua:4: in main chunk\n\t[C]: in ?\n";
    assert_eq!(ended(output), (1, String::new(), expected.to_string()));
}

#[test]
fn wrong_options_get_the_usage() {
    for (args, problem) in [
        (&["-x"][..], "unrecognized option '-x'"),
        (&["-vv"], "unrecognized option '-vv'"),
        (&["-e"], "'-e' needs argument"),
        (&["-l", "-v"], "'-l' needs argument"),
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, &stdout[..]), (1, ""), "{args:?}");
        let start = format!("lua: {problem}\nusage: lua [options] [script [args]]\nAvailable");
        assert!(stderr.starts_with(&start), "{args:?}: {stderr}");
        assert!(stderr.ends_with("  -         stop handling options and execute stdin\n"));
    }
}

#[test]
fn the_table_arg_has_all_arguments() {
    let script = b"print(select('#', ...), ...) print(#arg, arg[0], arg[-1], arg[-2])\n\
local i = 0 while arg[i - 1] do i = i - 1 end print(i, arg[i]:match '[^/]*$')\n";
    file("arg", "a.lua", script);
    let output = lua("arg", &["-e", "y=1", "a.lua", "b", "-c"]).output().expect("plumb starts");
    let (code, stdout, _) = ended(output);
    assert_eq!((code, &stdout[..]), (0, "2\tb\t-c\n2\ta.lua\ty=1\t-e\n-4\tplumb\n"));
    // Without a script, the program's name is at 0.
    let (_, stdout, _) = run(&["-e", "print(#arg, arg[0]:match '[^/]*$', arg[-1], arg[1])"]);
    assert_eq!(stdout, "3\tplumb\tnil\trun\n");
    let changed = "arg = {'other', 'arguments', n = 1}";
    let output = lua("arg", &["-e", changed, "a.lua"]).output().expect("plumb starts");
    assert!(ended(output).1.starts_with("2\tother\targuments\n"));
    let trace = "stack traceback:\n\t[C]: in ?\n";
    let (code, _, stderr) = ended(lua("arg", &["-e", "arg = nil", "a.lua"]).output().unwrap());
    assert_eq!((code, stderr.replace(trace, "")), (1, "lua: 'arg' is not a table\n".into()));
}

#[test]
fn scripts_come_from_files_and_from_stdin() {
    expect(&["nowhere.lua"], 1, "", "lua: cannot open nowhere.lua: No such file or directory\n");
    expect(&["--", "-e"], 1, "", "lua: cannot open -e: No such file or directory\n");
    let echo = b"print(..., arg[0])";
    assert_eq!(run_with_input(&["-", "a"], echo), (0, "a\t-\n".into(), String::new()));
    assert_eq!(run_with_input(&[], b"print(1)\nprint(2)"), (0, "1\n2\n".into(), String::new()));
    assert_eq!(run_with_input(&["-e", "print(1)"], b"print(2)").1, "1\n");
    let message = format!("lua: stdin:1: x\n{}", error_trace("stdin"));
    assert_eq!(run_with_input(&["-"], b"error 'x'"), (1, String::new(), message.clone()));
    // `lua.c` ignores the status of a program it reads because it was told nothing else.
    assert_eq!(run_with_input(&[], b"error 'x'"), (0, String::new(), message));
    let reader = b"print(io.read('n', 'l', 'L', 'a'))\n12 rest\nline\nall\nof it";
    let (code, stdout, _) =
        run_with_input(&["-e", "io.read()", "-e", "print(io.read('n'))"], reader);
    assert_eq!((code, &stdout[..]), (0, "12\n"));
}

#[test]
fn the_environment_is_heeded_unless_told_not_to() {
    let with = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = lua("env", args);
        command.envs(variables.iter().copied());
        ended(command.output().expect("plumb starts"))
    };
    file("env", "init.lua", b"print 'from file'");
    let show = ["-e", "print 'main'"];
    assert_eq!(with(&[("LUA_INIT", "print 'init'")], &show).1, "init\nmain\n");
    let both = [("LUA_INIT", "print 'plain'"), ("LUA_INIT_5_4", "print 'versioned'")];
    assert_eq!(with(&both, &show).1, "versioned\nmain\n");
    assert_eq!(with(&both, &["-E", "-e", "print 'main'"]).1, "main\n");
    assert_eq!(with(&[("LUA_INIT", "@init.lua")], &show).1, "from file\nmain\n");
    let message = format!("lua: LUA_INIT:1: bad\n{}", error_trace("LUA_INIT"));
    assert_eq!(with(&[("LUA_INIT", "error 'bad'")], &show), (1, String::new(), message));
    let path = ["-e", "print(package.path)"];
    let default = "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;\
/usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua";
    assert_eq!(with(&[], &path).1, format!("{default}\n"));
    assert_eq!(with(&[("LUA_PATH", "a/?;;b/?")], &path).1, format!("a/?;{default};b/?\n"));
    assert_eq!(with(&[("LUA_PATH", "x"), ("LUA_PATH_5_4", "y")], &path).1, "y\n");
    let ignored = ["-E", "-e", "print(package.path)"];
    assert_eq!(with(&[("LUA_PATH", "x")], &ignored).1, format!("{default}\n"));
}

#[test]
fn modules_that_are_missing_or_in_c_are_explained() {
    let message = "lua: module 'no.such' not found:
\tno field package.preload['no.such']
\tno file '/usr/local/share/lua/5.4/no/such.lua'
\tno file '/usr/local/share/lua/5.4/no/such/init.lua'
\tno file '/usr/local/lib/lua/5.4/no/such.lua'
\tno file '/usr/local/lib/lua/5.4/no/such/init.lua'
\tno file './no/such.lua'
\tno file './no/such/init.lua'
\tno file '/usr/local/lib/lua/5.4/no/such.so'
\tno file '/usr/local/lib/lua/5.4/loadall.so'
\tno file './no/such.so'
\tno file '/usr/local/lib/lua/5.4/no.so'
\tno file '/usr/local/lib/lua/5.4/loadall.so'
\tno file './no.so'
stack traceback:
\t[C]: in function 'require'
\t[C]: in ?
";
    expect(&["-l", "no.such"], 1, "", message);
    file("c", "native.so", b"");
    let output =
        lua("c", &["-e", "print(pcall(require, 'native')) print(package.loadlib('x', '*'))"]);
    let (_, stdout, _) = ended({ output }.output().expect("plumb starts"));
    let reason = "dynamic libraries not enabled; check your Lua installation";
    let expected = format!(
        "false\terror loading module 'native' from file './native.so':\n\t{reason}\nnil\t{reason}\tabsent\n"
    );
    assert_eq!(stdout, expected);
}

#[test]
fn warnings_go_to_stderr_when_on() {
    expect(&["-e", "warn('hidden')"], 0, "", "");
    expect(&["-W", "-e", "warn('a', 'b') warn('c')"], 0, "", "Lua warning: ab\nLua warning: c\n");
    let switched = "warn('@on') warn('1') warn('@off') warn('2') warn('@on', '') warn('@on') \
warn('@unknown') warn('x', '@off') warn('3\\0cut')";
    let shown = "Lua warning: 1\nLua warning: x@off\nLua warning: 3\n";
    expect(&["-e", switched], 0, "", shown);
}

#[test]
fn exit_ends_the_process() {
    for (argument, code) in [
        ("", 0),
        ("true", 0),
        ("false", 1),
        ("7", 7),
        ("256 + 3", 3),
        ("true, true", 0),
        ("9, true", 9),
    ] {
        let statement = format!("io.write('kept ') os.exit({argument}) print('unreached')");
        expect(&["-e", &statement], code, "kept ", "");
    }
    expect(&["-e", "pcall(os.exit, 5)"], 5, "", "");
}

#[test]
fn output_keeps_its_order() {
    // stdout and stderr are the same file here, as at a terminal, but stdout is buffered.
    let statement = "io.write('a ') io.stderr:write('b ') print('c') io.stderr:write('d ') \
io.write('e ') os.execute('printf \"f \"') io.stdout:flush() io.popen('printf \"g \"', 'w'):close() \
io.write('h ') io.stdout:setvbuf('no') io.write('i ') io.stderr:write('j\\n')";
    let path = directory("order").join("out");
    let out = std::fs::File::create(&path).expect("a file can be made");
    let mut command = lua("order", &["-e", statement]);
    command.stdout(out.try_clone().expect("a second handle")).stderr(out);
    assert!(command.status().expect("plumb starts").success());
    // `print` flushes, `os.execute` does not, `io.popen` flushes everything.
    let text = std::fs::read_to_string(path).expect("the output is text");
    assert_eq!(text, "b a c\nd f e g h i j\n");
}

#[test]
fn a_full_device_is_an_error_of_write_alone() {
    let statement = "print('lost') io.stdout:setvbuf('no') io.stderr:write(table.concat(\
{tostring(select(1, io.write('x'))), select(2, io.write('x'))}, ' '))";
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = lua("", &["-e", statement]).stdout(full).output().expect("plumb starts");
    let (code, _, stderr) = ended(output);
    assert_eq!((code, &stderr[..]), (0, "nil No space left on device 28"));
}

#[test]
fn a_reader_that_goes_away_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    let (reader, writer) = std::io::pipe().expect("pipes can be made");
    drop(reader);
    let status = lua("", &["-e", "while true do print(1) end"]).stdout(writer).status();
    assert_eq!(status.expect("plumb starts").signal(), Some(13));
}

#[test]
fn memory_is_bounded() {
    let statement = "print(pcall(string.rep, 'x', 1 << 30)) \
local t = {} local ok, e = pcall(function() for i = 1, 1e9 do t[i] = {} end end) t = nil print(ok, e)";
    let (code, stdout, stderr) = run(&["--memory", "20000000", "-e", statement]);
    assert_eq!(stdout, "false\tnot enough memory\nfalse\tnot enough memory\n", "{stderr}");
    assert_eq!(code, 0);
    // Loops that are traced.
    let statement = "local t = {} print(pcall(function() for i = 1, 1e9 do t[i] = i end end)) \
t = {} print(pcall(function() local i = 0 while true do i = i + 2 t[i] = 0.5 end end)) \
t = {n = 0} print(pcall(function() while true do t.n = t.n + 1 t[-t.n] = true end end)) print(t.n > 1e4)";
    let (_, stdout, stderr) = run(&["--memory", "20000000", "-e", statement]);
    let refused = "false\tnot enough memory\n".repeat(3);
    assert_eq!(stdout, format!("{refused}true\n"), "{stderr}");
    // Functions count.
    let statement = "local t = {} print(pcall(function() for i = 1, 1e9 do t[i] = load('return ' .. i) end end)) \
t = nil print(load('return 1')())";
    let (_, stdout, stderr) = run(&["--memory", "20000000", "-e", statement]);
    assert_eq!(stdout, "false\tnot enough memory\n1\n", "{stderr}");
    let (code, _, stderr) = run(&["--memory", "20000000", "-e", "local s = ('x'):rep(1 << 30)"]);
    assert_eq!((code, &stderr[..]), (1, "lua: not enough memory\n"));
    // Less than the libraries need.
    for bytes in ["0", "1000", "20000"] {
        let (code, _, stderr) = run(&["--memory", bytes, "-e", "print(1)"]);
        assert_eq!((code, &stderr[..]), (1, "lua: not enough memory\n"), "{bytes}");
    }
    // Tables that libraries make.
    for make in [
        "os.date('*t')",
        "debug.getinfo(1)",
        "debug.getinfo(1, 'L')",
        "table.pack(1, 2, 3)",
        "table.pack(table.unpack({}, 1, 200000))",
    ] {
        let statement = format!(
            "local t, n = {{}}, 0 local ok, e = pcall(function() while true do n = n + 1 t[n] = {make} end end) \
             t = nil print(ok, e)"
        );
        let (_, stdout, stderr) = run(&["--memory", "3000000", "-e", &statement]);
        assert_eq!(stdout, "false\tnot enough memory\n", "{make}: {stderr}");
    }
}

#[test]
fn interactive_mode_reads_lines_from_a_pipe() {
    let input =
        b"x = 1 +\n2\n=x\nx, nil\nerror('a')\nlocal y = 5\nfor i = 1, 2 do\nprint(i)\nend\n\
x x\nf = (\n\n1)\n_PROMPT, _PROMPT2 = 'in', 'more'\nif x then\nend\nprint = nil\nx\n";
    let (code, stdout, stderr) = run_with_input(&["-i"], input);
    let version = concat!("Lua 5.4  Plumb ", env!("CARGO_PKG_VERSION"), "\n");
    let expected = "> >> > 3\n> 3\tnil\n> > > >> >> 1\n2\n> > >> >> > inmoreininin\n";
    assert_eq!((code, stdout), (0, format!("{version}{expected}")));
    let errors = format!(
        "stdin:1: a\n{}stdin:1: syntax error near 'x'\n\
error calling 'print' (attempt to call a nil value)\n",
        error_trace("stdin")
    );
    assert_eq!(stderr, errors);
    // What is missing at the end of the input is missing.
    let (_, stdout, stderr) = run_with_input(&["-i", "-e", "print 'first'"], b"f(");
    assert_eq!(stdout, format!("{version}first\n> >> > \n"));
    assert_eq!(stderr, "stdin:1: unexpected symbol near <eof>\n");
}

#[test]
fn interrupts_end_a_script() {
    // The JIT off, and every way to run a loop that never leaves its trace.
    for options in [
        &["--jit", "off"][..],
        &["--executor", "eval"],
        &["--executor", "mach"],
        &["--executor", "allocated"],
        &["--executor", "sim"],
    ] {
        interrupt_a_script(options);
    }
    if cfg!(target_arch = "aarch64") {
        interrupt_a_script(&["--executor", "native"]);
    }
}

fn interrupt_a_script(options: &[&str]) {
    let script = b"local function f()\n  local n = 0\n  io.write('started') io.flush()\n  \
while true do n = n + 1 end\nend\nlocal function g()\n  f()\n  return 1\nend\ng()\n";
    file("interrupt", "s.lua", script);
    let mut command = lua("interrupt", &[options, &["s.lua"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("plumb starts");
    let mut started = [0; 7];
    let stdout = child.stdout.as_mut().expect("piped");
    std::io::Read::read_exact(stdout, &mut started).expect("it starts");
    // The loop is hot soon after.
    std::thread::sleep(std::time::Duration::from_millis(200));
    interrupt(child.id());
    let (code, _, stderr) = ended(child.wait_with_output().expect("it ends"));
    let expected = "lua: s.lua:7: interrupted!\nstack traceback:\n\ts.lua:4: in upvalue 'f'\n\t\
s.lua:7: in local 'g'\n\ts.lua:10: in main chunk\n\t[C]: in ?\n";
    assert_eq!((code, &stderr[..]), (1, expected), "{options:?}");
}

fn interrupt(process: u32) {
    let status = Command::new("kill").args(["-INT", &process.to_string()]).status();
    assert!(status.expect("there is a kill").success());
}

#[test]
fn a_link_named_lua_is_a_lua() {
    let link = directory("link").join("lua5.4");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plumb"), &link).expect("a link can be made");
    let output = command(&link).args(["-e", "print(arg[0]) error('x', 0)"]).output();
    let name = link.to_str().expect("temporary paths are text");
    let (code, stdout, stderr) = ended(output.expect("the link starts"));
    assert_eq!((code, stdout), (1, format!("{name}\n")));
    assert!(stderr.starts_with(&format!("{name}: x\n")), "{stderr}");
}

#[test]
fn the_stack_has_pucs_size() {
    // Under PUC's `lua` the same.
    let (code, _, stderr) = run(&["-e", "local function f() f() end f()"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("\n\t...\t(skipping 999970 levels)\n"), "{stderr}");
}

#[test]
fn the_debug_prompt_runs_lines() {
    let input = b"print(1)\nerror('x', 0)\nx =\nlocal a = 2 print(a)\ncont\nprint(3)\n";
    let (code, stdout, stderr) = run_with_input(&["-e", "debug.debug() print 'end'"], input);
    assert_eq!((code, stdout.as_str()), (0, "1\n2\nend\n"));
    let prompts =
        "lua_debug> lua_debug> x\nlua_debug> (debug command):2: unexpected symbol near <eof>\n";
    assert_eq!(stderr, format!("{prompts}lua_debug> lua_debug> "));
}
