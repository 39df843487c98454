import SystemPackage
import Testing

@testable import VFIOUser

@Suite struct VersionTests {
  private func outcome(_ command: UInt16, _ payload: [UInt8]) throws -> Session.Outcome {
    let served = try ServedFunction(try Hosts.function("0000:00:06.0", of: "pasid.yaml")) { _ in }
    return Session(served).answer(
      Message(header: MessageHeader(message(command, payload)), payload: payload))
  }

  private func text(_ text: String) -> [UInt8] {
    pack(UInt16(0), UInt16(0)) + Array(text.utf8) + [0]
  }

  @Test(arguments: [0, 1, 9] as [UInt16])
  func theServerSpeaks00WithEveryMinorVersion(minor: UInt16) throws {
    let payload = pack(UInt16(0), minor) + Array("{}".utf8) + [0]
    guard case .reply(let bytes, nil) = try outcome(1, payload) else {
      Issue.record("no reply")
      return
    }
    #expect(bytes.field(at: 16, as: UInt32.self) == 0)
    #expect(bytes.last == 0)
    // QEMU 11.1 gives the reply no more room than its own message takes.
    #expect(bytes.count <= 16 + versionPayload.count + 2)
  }

  @Test func theTextMayBeLeftOut() throws {
    guard case .reply = try outcome(1, pack(UInt16(0), UInt16(0))) else {
      Issue.record("no reply")
      return
    }
  }

  @Test(arguments: [
    "{}", "{\"capabilities\":{}}", "{\"other\":1}", "{\"capabilities\":{\"max_msg_fds\":0}}",
    "{\"capabilities\":{\"migration\":{\"pgsize\":4096},\"write_multiple\":true}}",
  ])
  func unknownCapabilitiesAreTaken(json: String) throws {
    guard case .reply = try outcome(1, text(json)) else {
      Issue.record("no reply")
      return
    }
  }

  @Test(arguments: [
    "", "[]", "7", "{", "{\"capabilities\":[]}", "{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
    "{\"capabilities\":{\"max_msg_fds\":-1}}", "{}{}",
    "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}",
    String(repeating: " ", count: 5000) + "{}",
  ])
  func textThatIsNoObjectEndsTheConnection(json: String) throws {
    guard case .end(let bytes, .versionText) = try outcome(1, text(json)) else {
      Issue.record("went on")
      return
    }
    #expect(bytes == MessageHeader(message(1, text(json))).refusal(22))
  }

  @Test func textWithoutItsZeroByteEndsTheConnection() throws {
    let payload = pack(UInt16(0), UInt16(0)) + Array("{}".utf8)
    guard case .end(_, .versionText) = try outcome(1, payload) else {
      Issue.record("went on")
      return
    }
  }

  @Test func anotherMajorVersionEndsTheConnection() throws {
    let payload = pack(UInt16(1), UInt16(2)) + Array("{}".utf8) + [0]
    guard case .end(_, .version(major: 1, minor: 2)) = try outcome(1, payload) else {
      Issue.record("went on")
      return
    }
  }

  @Test func nothingComesBeforeTheVersion() throws {
    guard case .end(_, .noVersion) = try outcome(13, []) else {
      Issue.record("went on")
      return
    }
  }

  @Test func aClientWithoutDescriptorsIsOfferedNoMapping() throws {
    let served = try ServedFunction(try Hosts.function("0000:00:06.0", of: "pasid.yaml")) { _ in }
    let session = Session(served)
    let version = text("{\"capabilities\":{\"max_msg_fds\":0}}")
    _ = session.answer(Message(header: MessageHeader(message(1, version)), payload: version))
    let request = pack(UInt32(32), UInt32(0), UInt32(2), UInt32(0), UInt64(0), UInt64(0))
    guard
      case .reply(let bytes, nil) = session.answer(
        Message(header: MessageHeader(message(5, request)), payload: request))
    else {
      Issue.record("a descriptor came")
      return
    }
    #expect(bytes.field(at: 20, as: UInt32.self) == 3)
  }

  @Test func bridgesAndVirtualFunctionsAreRefused() throws {
    for (address, part) in [("0000:84:00.0", "bridge"), ("0000:8a:10.0", "virtual function")] {
      let function = try Hosts.function(address, of: "contract.yaml")
      let error = #expect(throws: ServingError.self) { try ServedFunction(function) { _ in } }
      #expect(error?.description.contains(part) == true)
    }
  }
}
