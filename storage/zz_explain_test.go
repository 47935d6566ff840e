package storage_test
import ("testing";"fmt";"campuscard/storage/storagetest")
func TestZZExplain(t *testing.T){
 s:=crowd(t)
 _ = storagetest.One[int]
 for _,q:=range []string{
  `explain select count(*) from (select 1 from requests r where (r.state = 'open' and r.resend_at is null and r.created_at <= now() or r.resend_at <= now()) limit 1) d`,
  `explain select count(*) from requests r where (r.state = 'open' and r.resend_at is null and r.created_at <= now() or r.resend_at <= now())`,
  `explain select exists (select 1 from requests where state = 'open' and resend_at is null and created_at <= now()) or exists (select 1 from requests where resend_at <= now())`,
  `explain select distinct on (r.case_id) r.id from requests r left join moves m on m.decision = r.id
				where r.state = 'open' or r.resend_at is not null
				order by r.case_id, m.version nulls last, r.created_at, r.id`,
  `explain update requests r set resend_at = coalesce(r.resend_at, now()) from moves m
		where m.case_id = '01900000-0000-7000-8000-000000000001' and m.version > 1 and r.id = m.decision`,
 }{
  c:=connect(t,s.House)
  c.Exec(t.Context(),"set enable_seqscan=on")
  rows,err:=c.Query(t.Context(),q); if err!=nil{t.Fatal(err)}
  for rows.Next(){ var l string; rows.Scan(&l); fmt.Println(l)}
  fmt.Println("---", rows.Err())
 }
}
