/// The payloads, in the order of the list in `build`.
enum Payload: UInt32 {
  case config
  case bars
  case intx
  case msi
  case msix
  case dma
  case reset
  case flr
  case exits
  case fuzz
  case sweep
  case latency
  case use

  func run() {
    switch self {
    case .config: checkConfig()
    case .bars: checkBars()
    case .intx: checkPins()
    case .msi: checkMessages()
    case .msix: checkMessageTable()
    case .dma: checkDMA()
    case .reset: checkReset()
    case .flr: checkFunctionReset()
    case .exits: measureExits()
    case .fuzz: writeNonsense()
    case .sweep: sweepFunctions()
    case .latency: measureLatency()
    case .use: useFunctions()
    }
  }
}

/// `start.S` comes here with what the boot loader left in EAX and EBX.
@_cdecl("payloadMain") func payloadMain(_ magic: UInt32, _ information: UInt32) {
  Parameters.load(magic: magic, information: information)
  guard let payload = Payload(rawValue: chosenPayload) else { Report.stop("no such payload") }
  Interrupts.setUp()
  Bus.setUp()
  payload.run()
  Report.finish()
}
