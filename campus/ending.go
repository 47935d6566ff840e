package campus

// EndingCase is the kind of case that takes a card which has ended out of every system that knows it (D4). Its id is
// that of the card, which ends once.
const EndingCase CaseKind = "ending"

// StageRevoking is the stage at which the systems are asked to let the card go.
const StageRevoking Stage = "revoking"

// CardReplacedReason is why something ends with a card that another one has replaced.
const CardReplacedReason = "card_replaced"
