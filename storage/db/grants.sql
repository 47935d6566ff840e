-- What the program may do in the database that its owner has made. `campuscard migrate` runs this after the migrations,
-- every time, as one transaction: a table of a later migration is covered, and what somebody granted by hand is gone.

select pg_advisory_xact_lock(7203114002); -- two at once would change the same rows of the catalogue

revoke create on schema public from public, :program;
grant usage on schema public to :program;

revoke all on all tables in schema public from :program;
grant select, insert, update, delete on all tables in schema public to :program;
revoke insert, update, delete on goose_db_version from :program;

-- To these rows are only added. What they say was so, and no fault of the program can make it read otherwise.
revoke update, delete on audit, moves, transfers from :program;

-- Money. Accounts and books stay for ever, a chip stays that of the account it was bound to, a day that is closed stays closed
-- with what a channel said of it and what differed, what was taken of a payment and what was
-- answered stays as it was written, and only answers to payments are deleted (answers_posted_stay).
revoke delete on accounts, account_checks, appeals, chips, refundables, offline_settlements, lost_generations, closes,
    close_differences from :program;
revoke update, delete on books, books_closed, channel_lines, compared_files, compared_journals, denials, offline_records, offline_variants,
    till_journals from :program;
revoke update, delete on settlements from :program;
grant update (payout_id) on settlements to :program;
revoke insert, delete, update on dropped_answers from :program;
grant update (until) on dropped_answers to :program;
revoke update on answers, chips, refundables from :program;
grant update (ended_at) on chips to :program;
grant update (reversed_at, reversal_id, given_cents) on answers to :program;
grant update (main_back, subsidy_back) on refundables to :program;

-- The months of transfers are written by way of the table they are part of, and made by a function of the owner's.
do $$
declare month regclass;
begin
    for month in select inhrelid::regclass from pg_inherits where inhparent = 'transfers'::regclass loop
        execute 'revoke insert, update, delete on ' || month || ' from :program';
    end loop;
end $$;
grant execute on function make_transfer_months to :program;

revoke all on all sequences in schema public from :program;
grant usage, select on all sequences in schema public to :program;
