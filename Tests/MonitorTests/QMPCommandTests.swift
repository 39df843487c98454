import CommandLine
import EventLoop
import Machine
import Monitor
import Testing
import Tracing

@Suite struct QMPCommandTests {
  @Test func contAndStopTellTheirEventsBeforeTheyReturn() {
    MainLoop.own {
      let machine = FakeMachine()
      let session = makeSession(machine)
      machine.observeEvents { [weak session] in session?.announce($0) }
      #expect(
        session.answers(to: #"{"execute":"cont"}{"execute":"cont"}{"execute":"query-status"}"#)
          == #"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}"# + "\r\n"
          + "{\"return\": {}}\r\n{\"return\": {}}\r\n"
          + #"{"return": {"status": "running", "running": true}}"# + "\r\n")
      #expect(
        session.answers(to: #"{"execute":"stop"}{"execute":"stop"}{"execute":"query-status"}"#)
          == #"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}"# + "\r\n"
          + "{\"return\": {}}\r\n{\"return\": {}}\r\n"
          + #"{"return": {"status": "paused", "running": false}}"# + "\r\n")
    }
  }

  @Test func characterDevicesAreToldInTheirOrder() {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(
        makeSession(machine).answers(to: #"{"execute":"query-chardev"}"#) == "{\"return\": []}\r\n")
      machine.characterDevices = [
        CharacterDeviceStatus(label: "serial0", filename: "mux", isFrontEndOpen: true),
        CharacterDeviceStatus(label: "c1", filename: "pty:/dev/pts/3", isFrontEndOpen: false),
      ]
      #expect(
        makeSession(machine).answers(to: #"{"execute":"query-chardev"}"#)
          == #"{"return": [{"frontend-open": true, "filename": "mux", "label": "serial0"}, "#
          + #"{"frontend-open": false, "filename": "pty:/dev/pts/3", "label": "c1"}]}"# + "\r\n")
    }
  }

  @Test func aMachineThatCannotGoOnSaysWhy() {
    MainLoop.own {
      let machine = FakeMachine()
      machine.refusal = MachineRefusal("no CPU to run")
      #expect(
        makeSession(machine).answers(to: #"{"execute":"cont"}"#)
          == errorLine("GenericError", "no CPU to run"))
    }
  }

  @Test(arguments: [
    ("system_reset", FakeMachine.Request.reset(.hostQMPSystemReset)),
    ("quit", .shutdown(.hostQMPQuit)),
    ("system_powerdown", .powerDown),
  ])
  func resetAndQuitAskTheMachineAndReturnAtOnce(
    _ name: String, _ request: FakeMachine.Request
  ) {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(
        makeSession(machine).answers(to: #"{"execute":"\#(name)","id":7}"#)
          == "{\"return\": {}, \"id\": 7}\r\n")
      #expect(machine.requests == [request])
    }
  }

  @Test func devicesComeByTheirPropertiesAndGoByTheirIds() {
    MainLoop.own {
      let machine = FakeMachine()
      let session = makeSession(machine)
      #expect(
        session.answers(
          to: #"{"execute":"device_add","arguments":{"driver":"vfio-pci","host":"0000:81:00.0","#
            + #""bus":"rp1","id":"f0","x-no-mmap":true,"x-intx-mmap-timeout-ms":5}}"#)
          == "{\"return\": {}}\r\n")
      guard case .addDevice(.vfioPCI(let device)) = machine.requests.first else {
        Issue.record("\(machine.requests)")
        return
      }
      #expect(device.properties.noMmap && device.properties.intxMmapTimeout == 5)
      #expect(device.properties.bus == "rp1" && device.properties.id == "f0")
      #expect(
        session.answers(to: #"{"execute":"device_del","arguments":{"id":"taken"}}"#)
          == "{\"return\": {}}\r\n")
      #expect(machine.requests.last == .removeDevice("taken"))
    }
  }

  @Test(arguments: [
    (
      #"{"driver":"vfio-pic"}"#,
      "'vfio-pic' is not a valid device model name; did you mean 'vfio-pci'?"
    ),
    (
      #"{"driver":"vfio-pci","host":"1:2.3","bus":"rp2"}"#,
      "Bus 'rp2' not found; did you mean 'rp1'?"
    ),
    (
      #"{"driver":"vfio-pci","host":"1:2.3","id":"taken"}"#,
      "Duplicate ID 'taken' for device; give each device its own id"
    ),
    (#"{"host":"1:2.3"}"#, "Parameter 'driver' is missing"),
    (
      #"{"driver":"vfio-pci","host":["1:2.3"]}"#,
      "Invalid parameter type for 'host', expected: string"
    ),
    (#"{"driver":"vfio-pci"}"#, "No provided host device"),
  ])
  func devicesThatCannotBeAddedAreRefusedByName(arguments: String, text: String) {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(
        makeSession(machine).answers(to: #"{"execute":"device_add","arguments":\#(arguments)}"#)
          == errorLine("GenericError", text))
      #expect(machine.requests.isEmpty)
    }
  }

  @Test func aDeviceThatThereIsNotCannotGo() {
    MainLoop.own {
      #expect(
        makeSession(FakeMachine()).answers(to: #"{"execute":"device_del","arguments":{"id":"x"}}"#)
          == errorLine("DeviceNotFound", "Device 'x' not found"))
    }
  }

  @Test(arguments: [
    (
      MachineEvent.reset(.hostQMPSystemReset),
      #""event": "RESET", "data": {"guest": false, "reason": "host-qmp-system-reset"}"#
    ),
    (
      .deviceDeleted(id: "f0"),
      #""event": "DEVICE_DELETED", "data": {"device": "f0", "path": "/machine/peripheral/f0"}"#
    ),
    (
      .deviceError(id: "f0", host: "0000:83:00.0", stopsMachine: true),
      #""event": "SWIFTVMM_DEVICE_ERROR", "data": {"device": "f0", "path": "/machine/peripheral/f0", "#
        + #""host": "0000:83:00.0", "action": "stop"}"#
    ),
    (
      .deviceError(id: nil, host: "0000:83:00.0", stopsMachine: false),
      #""event": "SWIFTVMM_DEVICE_ERROR", "data": {"path": "/machine/peripheral-anon", "#
        + #""host": "0000:83:00.0", "action": "report"}"#
    ),
    (.powerDown, #""event": "POWERDOWN""#),
    (
      .guestPanicked(action: "shutdown"),
      #""event": "GUEST_PANICKED", "data": {"action": "shutdown"}"#
    ),
    (
      .reset(.guestReset), #""event": "RESET", "data": {"guest": true, "reason": "guest-reset"}"#
    ),
    (
      .shutdown(.hostQMPQuit),
      #""event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}"#
    ),
    (
      .shutdown(.hostSignal),
      #""event": "SHUTDOWN", "data": {"guest": false, "reason": "host-signal"}"#
    ),
    (.stopped, #""event": "STOP""#),
    (.resumed, #""event": "RESUME""#),
    (.guestPanicPortShutdown, #""event": "GUEST_PVSHUTDOWN""#),
    (.suspendedToDisk, #""event": "SUSPEND_DISK""#),
  ])
  func eventsHaveTheirTimeNameAndCause(_ event: MachineEvent, _ rest: String) {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      session.announce(event)
      #expect(
        session.takeOutput()
          == "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \(rest)}\r\n")
    }
  }

  @Test func eventsAreToldOnlyAfterTheNegotiation() {
    MainLoop.own {
      let session = makeSession(FakeMachine(), negotiated: false)
      session.announce(.stopped)
      #expect(session.takeOutput() == "")
    }
  }

  @Test func eventsThatNobodyReadsAreBounded() {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      for _ in 0..<100_000 where !session.output.hasOverflowed { session.announce(.stopped) }
      #expect(session.output.hasOverflowed)
      #expect(session.output.pending.count < OutputQueue.eventLimit + 4096)
    }
  }

  @Test func traceStatesAreReadAndSetByNameOrPattern() {
    MainLoop.own {
      let machine = FakeMachine()
      let session = makeSession(machine)
      @VMMain func get(_ name: String) -> String {
        session.answers(
          to: #"{"execute":"trace-event-get-state","arguments":{"name":"\#(name)"}}"#)
      }
      #expect(
        get("vfio_pci_reset")
          == #"{"return": [{"name": "vfio_pci_reset", "state": "disabled"}]}"# + "\r\n")
      #expect(
        session.answers(
          to: #"{"execute":"trace-event-set-state","arguments":{"name":"vfio_pci_reset","#
            + #""enable":true,"ignore-unavailable":true}}"#) == "{\"return\": {}}\r\n")
      #expect(
        get("vfio_pci_reset")
          == #"{"return": [{"name": "vfio_pci_reset", "state": "enabled"}]}"# + "\r\n")
      let matches = get("vfio_pci_reset*")
      #expect(matches.contains(#"{"name": "vfio_pci_reset", "state": "enabled"}"#))
      #expect(matches.contains(#"{"name": "vfio_pci_reset_flr", "state": "disabled"}"#))
      #expect(get("nope*") == "{\"return\": []}\r\n")
      #expect(get("nope") == errorLine("GenericError", #"unknown event \"nope\""#))
    }
  }

  @Test(arguments: [
    (#""name":"nope","enable":true"#, #"unknown event \"nope\""#),
    (#""name":"vfio_pci_reset""#, "Parameter 'enable' is missing"),
    (#""enable":true"#, "Parameter 'name' is missing"),
    (#""name":1,"enable":true"#, "Invalid parameter type for 'name', expected: string"),
    (#""name":null,"enable":true"#, "Invalid parameter type for 'name', expected: string"),
    (
      #""name":"vfio_pci_reset","enable":"x""#,
      "Invalid parameter type for 'enable', expected: boolean"
    ),
    (
      #""name":"vfio_pci_reset","enable":true,"ignore-unavailable":1"#,
      "Invalid parameter type for 'ignore-unavailable', expected: boolean"
    ),
    (#""name":"vfio_pci_reset","enable":true,"foo":1"#, "Parameter 'foo' is unexpected"),
  ])
  func aWrongArgumentIsNamedAndNothingIsDone(_ arguments: String, _ text: String) {
    MainLoop.own {
      let machine = FakeMachine()
      let session = makeSession(machine)
      #expect(
        session.answers(
          to: #"{"execute":"trace-event-set-state","arguments":{\#(arguments)}}"#)
          == errorLine("GenericError", text))
      #expect(machine.tracer.states(matching: "*").allSatisfy { !$0.isEnabled })
    }
  }
}
