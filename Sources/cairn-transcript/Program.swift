import CLinux
import FixedMemory
import LinuxPlatform

/// Prints a line for each result: its name, a blank, its bytes in hexadecimal.
@main
struct Program {
  static func main() {
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      if arguments.count == 2, let root = FixedPath(arguments[1]) {
        tellAll(root)
        exit(0)
      }
      if arguments.count == 3, arguments[1].equals("spool"), let path = FixedPath(arguments[2]) {
        tellLargeSpool("large spool") { openFile(at: path) }
        exit(0)
      }
    } catch {}
    do throws(SystemError) {
      try StandardStream.error.write(
        "usage: cairn-transcript ROOT | cairn-transcript spool FILE, of 16 GiB and 32 KiB\n")
    } catch {}
    exit(64)
  }

  private static func tellAll(_ root: FixedPath) {
    tellChecksums()
    tellNumbers()
    tellLeaves()
    tellTrees()
    CheckpointExample.tell()
    tellExamples(root)
    var script = LogScript()
    script.tell()
    let sparse = SparseStorage()
    tellLargeSpool("large spool") { sparse }
    sparse.release()
    tellMessages()
    tellChips()
    tellReceivers(in: root)
    tellTexts()
    tellSchedules()
    tellConfiguration(in: root)
  }

  private static func tellExamples(_ root: FixedPath) {
    guard let checkpoints = root.appending(name: "Tests/Vectors/checkpoint-example.txt"),
      let identities = root.appending(name: "Tests/Vectors/identity-examples.txt")
    else { fail("a path is too long") }
    var examples = IdentityExamples(Vectors(at: identities))
    examples.tell()
    tellRefusals(Vectors(at: checkpoints), Vectors(at: identities))
  }

  private static func openFile(at path: FixedPath) -> FileStorage {
    do throws(FileStorage.Failure) {
      return try FileStorage.open(at: path, access: .readWrite)
    } catch { fail("the file of a large spool can't be opened") }
  }
}
