//! The options of `lua`.
//!
//! In:  the arguments after the program's name.   Out: [`Options`], or the option that is wrong.

/// Something to do before the script, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// `-e`
    Execute(Vec<u8>),
    /// `-l`
    Require(Vec<u8>),
    /// `-W`
    Warnings,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    pub actions: Vec<Action>,
    pub interactive: bool,
    pub version: bool,
    pub ignore_environment: bool,
    /// Index of the script among the arguments.
    pub script: Option<usize>,
    /// The script is standard input (`-`, not after a `--`).
    pub script_is_input: bool,
}

/// Takes the options apart (`collectargs`). An error is the index of the option that is wrong.
pub fn parse(args: &[Vec<u8>]) -> Result<Options, usize> {
    let mut options = Options::default();
    let mut i = 0;
    while let Some(arg) = args.get(i) {
        match &arg[..] {
            b"-" => {
                (options.script, options.script_is_input) = (Some(i), true);
                return Ok(options);
            }
            b"--" => {
                options.script = Some(i + 1).filter(|script| *script < args.len());
                return Ok(options);
            }
            b"-E" => options.ignore_environment = true,
            b"-W" => options.actions.push(Action::Warnings),
            b"-v" => options.version = true,
            b"-i" => (options.interactive, options.version) = (true, true),
            [b'-', kind @ (b'e' | b'l'), inline @ ..] => {
                let mut argument = inline.to_vec();
                if argument.is_empty() {
                    let next = args.get(i + 1).filter(|next| next.first() != Some(&b'-'));
                    argument = next.ok_or(i)?.clone();
                    i += 1;
                }
                options.actions.push(match kind {
                    b'e' => Action::Execute(argument),
                    _ => Action::Require(argument),
                });
            }
            [b'-', ..] => return Err(i),
            _ => {
                options.script = Some(i);
                return Ok(options);
            }
        }
        i += 1;
    }
    Ok(options)
}

/// What `lua` says about a wrong option.
pub fn usage(program: &[u8], option: &[u8]) -> Vec<u8> {
    let problem: [&[u8]; 3] = match option.get(1) {
        Some(b'e' | b'l') => [b"'", option, b"' needs argument\n"],
        _ => [b"unrecognized option '", option, b"'\n"],
    };
    let options = b" [options] [script [args]]
Available options are:
  -e stat   execute string 'stat'
  -i        enter interactive mode after executing 'script'
  -l mod    require library 'mod' into global 'mod'
  -l g=mod  require library 'mod' into global 'g'
  -v        show version information
  -E        ignore environment variables
  -W        turn warnings on
  --        stop handling options
  -         stop handling options and execute stdin
";
    [program, b": ", &problem.concat(), b"usage: ", program, options].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, usize> {
        let words = line.split(' ').filter(|word| !word.is_empty());
        parse(&words.map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_taken_in_order_up_to_the_script() {
        let options = parsed("-ea=1 -l m -W -e b x.lua -i").expect("they are right");
        let actions = [
            Action::Execute(b"a=1".to_vec()),
            Action::Require(b"m".to_vec()),
            Action::Warnings,
            Action::Execute(b"b".to_vec()),
        ];
        assert_eq!((&options.actions[..], options.script), (&actions[..], Some(6)));
        assert!(!options.interactive);
        let options = parsed("-i -E").expect("they are right");
        assert!(options.interactive && options.version && options.ignore_environment);
        assert_eq!(options.script, None);
    }

    #[test]
    fn input_and_the_end_of_options() {
        let script = |line| parsed(line).map(|found| (found.script, found.script_is_input));
        assert_eq!(script("-v - a"), Ok((Some(1), true)));
        assert_eq!(script("-- - a"), Ok((Some(1), false)));
        assert_eq!(script("--"), Ok((None, false)));
    }

    #[test]
    fn wrong_options_are_found() {
        for (line, index) in
            [("-x", 0), ("-v -ii", 1), ("-e", 0), ("-e -v", 0), ("--x", 0), ("-E1", 0), ("-l", 0)]
        {
            assert_eq!(parsed(line), Err(index), "{line}");
        }
    }
}
