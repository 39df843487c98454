import Lab
import Testing

@Suite struct RunRequestTests {
  @Test(arguments: [
    ("ls", "ls"), ("a-b_c./:=,+@%", "a-b_c./:=,+@%"), ("", "''"), ("a b", "'a b'"),
    ("vfio*", "'vfio*'"), ("it's", "'it'\\''s'"), ("$x\n", "'$x\n'"), ("é", "'é'"),
  ])
  func wordsReachTheShellAsTheyAre(word: String, quoted: String) {
    #expect(SessionCommand.quote(word) == quoted)
  }

  @Test func aCommandRunsWithItsEnvironment() {
    var session = SessionCommand(["echo", "a b"])
    session.environment = [(name: "X", value: "1 2")]
    #expect(session.script == "export X='1 2'\nexec echo 'a b'\n")
  }

  @Test func aScenarioRunsFromTheInputShare() {
    let request = RunRequest(.scenario("errors", ["not-*"]))
    #expect(
      request.sessionCommand.script == "exec /lab/input/lab/scenarios/errors 'not-*'\n")
    #expect(request.defaultOutputName == "errors")
  }

  @Test func thePeerStandsInForSwiftvmm() {
    var request = RunRequest(.scenario("errors", []))
    request.isPeerOnly = true
    #expect(
      request.sessionCommand.script.hasPrefix("export SWIFTVMM_PROGRAM=qemu-system-x86_64\n"))
  }

  @Test func aShellGetsTheConsole() {
    var session = RunRequest(.shell).sessionCommand
    session.terminal?.kind = "xterm"
    session.terminal?.rows = 50
    #expect(
      session.script == """
        export TERM=xterm
        stty rows 50 columns 80 </dev/ttyS0
        exec setsid --ctty --wait bash -l </dev/ttyS0 >/dev/ttyS0 2>&1

        """)
  }

  @Test(arguments: [
    ("/a/b/swiftvmm", "/a/b/swiftvmm", "swiftvmm"), ("swiftvmm", "swiftvmm", "swiftvmm"),
    ("swiftvmm=/a/b", "/a/b", "swiftvmm"), ("x=/a=b/c", "/a=b/c", "x"),
  ])
  func programsHaveNamesInside(program: String, path: String, name: String) {
    var request = RunRequest(.shell)
    request.programs = [program]
    #expect(request.namedPrograms == [.init(path: path, name: name)])
  }
}
