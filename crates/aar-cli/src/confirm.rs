use std::io::{self, BufRead};

use aar_types::{Medium, printable};

use crate::{Failure, Printer};

/// In bytes. Bounds the memory for an answer without a line end.
const LONGEST_ANSWER: u64 = 1024;

impl Printer {
    /// Asks a yes/no question and reads the answer from standard input, which may be a terminal or a
    /// pipe. The default is no. `flag` is the option that confirms without a question.
    pub fn confirm(&self, question: &str, flag: &str) -> Result<bool, Failure> {
        let question = printable(question, Medium::Lines);
        self.diagnostics(&format!("{question} (yes/no) [no]: "));
        let answer = self.read_input(read_answer).ok().flatten();
        answer.ok_or_else(|| {
            self.diagnostics("\n");
            Failure::new("not confirmed: standard input has no answer")
                .with_hint(format!("to confirm without a question, pass {flag}"))
        })
    }
}

/// The answer in the first line, or nothing at the end of the input.
fn read_answer(input: &mut dyn BufRead) -> io::Result<Option<bool>> {
    let mut line = Vec::new();
    let mut input = io::Read::take(input, LONGEST_ANSWER);
    let length = input.read_until(b'\n', &mut line)?;
    Ok((length > 0).then(|| is_yes(&String::from_utf8_lossy(&line))))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_and_yes_are_a_yes() {
        for (input, expected) in [
            ("y\n", Some(true)),
            ("YES\r\n", Some(true)),
            (" yes ", Some(true)),
            ("\n", Some(false)),
            ("no\ny\n", Some(false)),
            ("yess\n", Some(false)),
            ("j\n", Some(false)),
            ("", None),
        ] {
            assert_eq!(
                read_answer(&mut input.as_bytes()).unwrap(),
                expected,
                "{input:?}"
            );
        }
    }

    #[test]
    fn question_without_an_answer_names_the_flag() {
        let (printer, captured) = Printer::captured();
        let failure = printer.confirm("Really?", "--yes").unwrap_err();
        assert!(failure.hint().unwrap().contains("pass --yes"));
        assert_eq!(captured.stderr(), "Really? (yes/no) [no]: \n");
    }

    #[test]
    fn endless_answer_is_not_read_to_its_end() {
        let mut endless = io::BufReader::new(io::repeat(b'y'));
        assert_eq!(read_answer(&mut endless).unwrap(), Some(false));
    }
}
