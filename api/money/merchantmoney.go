package money

import (
	"context"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// merchantMoneyRoutes are what merchants are paid (L3), what finance books of it, and what people put right by hand
// (E4).
func (s *Server) merchantMoneyRoutes() {
	manage := core.Staff(campus.ManageMerchants)
	core.Handle(s.Server, core.Get("/api/v1/staff/merchants/{id}/bank-accounts", "Where a merchant is paid", manage),
		s.listBankAccounts)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants/{id}/bank-accounts", "Propose where a merchant is paid", manage,
		core.Created), s.proposeBankAccount)
	core.Handle(s.Server, core.Post("/api/v1/staff/bank-accounts/{id}/decision",
		"Have a merchant paid to a proposed account, as a second person, or refuse it", manage), s.decideBankAccount)
	core.Handle(s.Server, core.Get("/api/v1/staff/merchants/{id}/statement", "What a merchant has had, day by day", manage),
		s.getMerchantStatement)
	core.Handle(s.Server, core.Get("/api/v1/staff/merchants/{id}/statement/file", "The same, as a file for tables",
		manage).Files(csvType),
		s.getMerchantStatementFile)
	core.Handle(s.Server, core.Get("/api/v1/staff/books/{day}/voucher", "The voucher of a day of the books, as a file for tables",
		manage).Files(csvType), s.getDayVoucher)

	core.Handle(s.Server, core.Get("/api/v1/staff/payout-files", "What the bank was asked to pay, newest first", manage),
		s.listPayoutFiles)
	core.Handle(s.Server, core.Post("/api/v1/staff/payout-files", "Pay merchants what is due to them", manage, core.Created),
		s.makePayouts)
	core.Handle(s.Server, core.Get("/api/v1/staff/payout-files/{id}", "One payout file, with its lines", manage),
		s.getPayoutFile)
	core.Handle(s.Server, core.Post("/api/v1/staff/payout-files/{id}/retry", "Ask the bank about a file at once", manage),
		s.retryPayoutFile)

	put := core.Staff(campus.UseVouchers)
	core.Handle(s.Server, core.Get("/api/v1/staff/manual-vouchers", "What was put right by hand, newest first", put),
		s.listVouchers)
	core.Handle(s.Server, core.Post("/api/v1/staff/manual-vouchers", "Propose to put something right by hand", put,
		core.Created), s.proposeVoucher)
	core.Handle(s.Server, core.Post("/api/v1/staff/manual-vouchers/{id}/decision",
		"Post what was proposed, as a second person, or refuse it", put), s.decideVoucher)
}

// BankAccountView is where a merchant is paid, with no more of the number than tells two apart.
type BankAccountView struct {
	money.MerchantAccount
	StateText string `json:"state_text"`
}

func bankAccountOf(in campus.Language) func(money.MerchantAccount) BankAccountView {
	return func(a money.MerchantAccount) BankAccountView {
		return BankAccountView{a, campus.Text(in, "bank_account."+string(a.State), nil)}
	}
}

func (s *Server) listBankAccounts(ctx context.Context, in *idInput) (*core.Answer[core.Page[BankAccountView]], error) {
	found, err := s.Store.Money.BankAccounts(ctx, core.Member(ctx).University, in.ID)
	return core.Answered(core.Page[BankAccountView]{Items: core.Each(found, bankAccountOf(core.Language(ctx)))}), err
}

type bankAccountInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Holder string `json:"holder" minLength:"1" maxLength:"100" words:"line" doc:"In whose name it is"`
		Bank   string `json:"bank" minLength:"1" maxLength:"100" words:"line"`
		Number string `json:"number" minLength:"1" maxLength:"60" words:"line" doc:"Digits; spaces and hyphens are left out"`
	}
}

// proposeBankAccount is the first of the two people who change where a merchant is paid.
func (s *Server) proposeBankAccount(ctx context.Context, in *bankAccountInput) (*core.Answer[BankAccountView], error) {
	a, err := s.Store.Money.ProposeBankAccount(ctx, s.Request(ctx), core.Member(ctx), in.ID, campus.BankAccount{
		Holder: in.Body.Holder, Bank: in.Body.Bank, Number: in.Body.Number})
	return core.Answered(bankAccountOf(core.Language(ctx))(a)), err
}

type decisionInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Confirm bool `json:"confirm" doc:"false: refuse it. Whoever has proposed it may refuse it, and so take it back"`
	}
}

// decideBankAccount is the second.
func (s *Server) decideBankAccount(ctx context.Context, in *decisionInput) (*core.Answer[BankAccountView], error) {
	a, err := s.Store.Money.DecideBankAccount(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.Confirm)
	return core.Answered(bankAccountOf(core.Language(ctx))(a)), err
}

func (s *Server) listPayoutFiles(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[money.PayoutFile]],
	error) {
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.PayoutFile, error) {
		return s.Store.Money.PayoutFiles(ctx, core.Member(ctx).University, after, limit)
	}, core.AsItIs, func(f money.PayoutFile) uuid.UUID { return f.ID })
}

// makePayouts pays what is due by hand: where the policy does not do so by itself, or after a payout has bounced.
func (s *Server) makePayouts(ctx context.Context, _ *struct{}) (*core.Answer[money.PayoutFile], error) {
	who := core.Member(ctx)
	f, err := s.Store.Money.MakePayouts(ctx, s.Request(ctx), who.University, s.Policies.For(who.University).Money.Payouts.Least)
	return core.Answered(f), err
}

// PayoutView is a line of a file.
type PayoutView struct {
	money.Payout
	StateText  string `json:"state_text"`
	ReasonText string `json:"reason_text,omitempty" doc:"Why it bounced, in words"`
}

// PayoutFileView is a file with its lines.
type PayoutFileView struct {
	money.PayoutFile
	Payouts []PayoutView `json:"payouts"`
}

func (s *Server) getPayoutFile(ctx context.Context, in *idInput) (*core.Answer[PayoutFileView], error) {
	f, lines, err := s.Store.Money.PayoutFile(ctx, core.Member(ctx).University, in.ID)
	return core.Answered(PayoutFileView{f, core.Each(lines, func(p money.Payout) PayoutView {
		in := core.Language(ctx)
		return PayoutView{p, campus.Text(in, "payout."+string(p.State), nil), campus.BounceText(in, p.Reason)}
	})}), err
}

func (s *Server) retryPayoutFile(ctx context.Context, in *idInput) (*core.Answer[money.PayoutFile], error) {
	f, err := s.Store.Money.RetryPayoutFile(ctx, s.Request(ctx), core.Member(ctx), in.ID)
	return core.Answered(f), err
}

// VoucherView is what was put right by hand, or is proposed.
type VoucherView struct {
	money.Voucher
	KindText  string `json:"kind_text"`
	StateText string `json:"state_text"`
}

func voucherOf(in campus.Language) func(money.Voucher) VoucherView {
	return func(v money.Voucher) VoucherView {
		return VoucherView{v, campus.Text(in, "voucher.kind."+string(v.Kind), nil),
			campus.Text(in, "voucher.state."+string(v.State), nil)}
	}
}

type voucherListInput struct {
	core.PageQuery
	Open bool `query:"open" doc:"Only those that wait for a second person"`
}

func (s *Server) listVouchers(ctx context.Context, in *voucherListInput) (*core.Answer[core.Page[VoucherView]], error) {
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]money.Voucher, error) {
		return s.Store.Money.Vouchers(ctx, core.Member(ctx), in.Open, after, limit)
	}, voucherOf(core.Language(ctx)), func(v money.Voucher) uuid.UUID { return v.ID })
}

type voucherInput struct {
	Body struct {
		Kind        campus.VoucherKind `json:"kind" enum:"credit,debit,cash_back,debt_write_off,merchant_write_off"`
		Person      uuid.UUID          `json:"person,omitempty" required:"false" format:"uuid" doc:"Whose card; as the search at the counter has found them"`
		Merchant    uuid.UUID          `json:"merchant,omitempty" required:"false" format:"uuid" doc:"Of a merchant's write-off"`
		Drawer      uuid.UUID          `json:"drawer,omitempty" required:"false" format:"uuid" doc:"One's own, out of which cash is paid back"`
		Book        campus.BookKind    `json:"book,omitempty" required:"false" enum:"suspense,loss_cover,service,unclaimed" doc:"Of a credit or debit: where the money comes from or goes"`
		AmountCents int64              `json:"amount_cents,omitempty" required:"false" minimum:"0" maximum:"2000000000" doc:"Left out of a merchant's write-off: that is all that it owes"`
		Reason      string             `json:"reason" minLength:"1" maxLength:"1000" words:"lines"`
	}
}

// proposeVoucher is the first of the two people whom a voucher takes.
func (s *Server) proposeVoucher(ctx context.Context, in *voucherInput) (*core.Answer[VoucherView], error) {
	v, err := s.Store.Money.ProposeVoucher(ctx, s.Request(ctx), core.Member(ctx), money.NewVoucher{
		ManualVoucher: campus.ManualVoucher{Kind: in.Body.Kind, Cents: in.Body.AmountCents, Book: in.Body.Book,
			Reason: in.Body.Reason}, Person: in.Body.Person, Merchant: in.Body.Merchant, Drawer: in.Body.Drawer})
	return core.Answered(voucherOf(core.Language(ctx))(v)), err
}

// decideVoucher is the second.
func (s *Server) decideVoucher(ctx context.Context, in *decisionInput) (*core.Answer[VoucherView], error) {
	v, err := s.Store.Money.DecideVoucher(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.Confirm)
	return core.Answered(voucherOf(core.Language(ctx))(v)), err
}
