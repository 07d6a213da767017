-- The one way into the log: a batch of commits, each all or nothing and none failing its neighbours, in one round trip.
--
-- Commits are numbered from 1. The arrays that begin with `s_` describe their streams (the sequence each was decided on, its first new
-- event, how many it gets), those with `e_` the events in order, those with `k_` the idempotency keys of the commits that have one.
--
-- Outcomes: `appended` (last_position), `conflict` (current_sequence of the first stream that was not as expected), `duplicate` (the key
-- was used for the same request: its outcome), `key_reused` (for another request).

create type append_outcome as (
    commit_no integer, outcome text, last_position bigint, current_sequence bigint,
    key_type text, key_id text, key_sequence bigint
);

create function keep_key(
    of_principal text, of_key text, of_fingerprint bytea, of_type text, of_id text, of_sequence bigint, of_position bigint, at timestamptz
) returns void language sql as $$
    insert into idempotency_keys (principal, key, fingerprint, aggregate_type, aggregate_id, sequence, position, created_at)
    values (of_principal, of_key, of_fingerprint, of_type, of_id, of_sequence, of_position, at)
    on conflict (principal, key) do update set  -- an expired one
        fingerprint = excluded.fingerprint, aggregate_type = excluded.aggregate_type, aggregate_id = excluded.aggregate_id,
        sequence = excluded.sequence, position = excluded.position, created_at = excluded.created_at
$$;

-- Commit by commit: for batches in which something is not plain. A stream whose commit was not appended takes no later commit of
-- the batch: that one was decided on what is not there.
create function append_one_by_one(
    head bigint, commits integer,
    s_commit integer[], s_type text[], s_id text[], s_expected bigint[], s_first_event uuid[],
    e_commit integer[], e_type text[], e_id text[], e_sequence bigint[],
    e_event_id uuid[], e_event_type text[], e_version text[], e_payload text[], e_metadata text[], e_at timestamptz[],
    k_commit integer[], k_principal text[], k_key text[], k_fingerprint bytea[], k_oldest timestamptz
) returns setof append_outcome language plpgsql as $$
declare
    result append_outcome; used idempotency_keys; spoilt text[] := '{}'; slot integer; own bigint; size integer;
begin
    for n in 1 .. commits loop
        result := (n, 'appended', null, null, null, null, null);
        slot := array_position(k_commit, n);
        select count(*) into size from unnest(e_commit) c where c = n;

        -- Already there by its own event id: the answer to an earlier try was lost.
        select e.position into own
        from unnest(s_commit, s_type, s_id, s_expected, s_first_event) s (c, t, i, expected, first_event)
        join events e on e.aggregate_type = s.t and e.aggregate_id = s.i and e.sequence = s.expected + 1 and e.event_id = s.first_event
        where s.c = n order by e.position limit 1;
        if own is not null then
            result.last_position := own + size - 1;
            return next result;
            continue;
        end if;

        if slot is not null then
            select * into used from idempotency_keys i
            where i.principal = k_principal[slot] and i.key = k_key[slot] and i.created_at >= k_oldest;
            if found then
                result.outcome := case when used.fingerprint = k_fingerprint[slot] then 'duplicate' else 'key_reused' end;
                result.last_position := used.position;
                result.key_type := used.aggregate_type;
                result.key_id := used.aggregate_id;
                result.key_sequence := used.sequence;
            end if;
        end if;

        if result.outcome = 'appended' then
            select current into result.current_sequence
            from unnest(s_commit, s_type, s_id, s_expected) s (c, t, i, expected)
            cross join lateral (
                select coalesce(max(e.sequence), 0) as current from events e where e.aggregate_type = s.t and e.aggregate_id = s.i
            ) e
            where s.c = n and (e.current <> s.expected or s.t || '/' || s.i = any (spoilt))
            limit 1;
            if found then result.outcome := 'conflict'; end if;
        end if;

        if result.outcome = 'appended' then
            insert into events
            select head + row_number() over (order by o), t, i, q, event_id, event_type, version, payload::json, metadata::json, at
            from unnest(e_commit, e_type, e_id, e_sequence, e_event_id, e_event_type, e_version, e_payload, e_metadata, e_at)
                with ordinality u (c, t, i, q, event_id, event_type, version, payload, metadata, at, o)
            where c = n;
            head := head + size;
            result.last_position := head;
            if slot is not null then
                perform keep_key(k_principal[slot], k_key[slot], k_fingerprint[slot], s.t, s.i, s.last, head, e_at[array_position(e_commit, n)])
                from (
                    select t, i, expected + (select count(*) from unnest(e_commit, e_type, e_id) e (ec, et, ei)
                                             where ec = n and et = t and ei = i) as last
                    from unnest(s_commit, s_type, s_id, s_expected) with ordinality u (c, t, i, expected, o)
                    where c = n order by o limit 1
                ) s;
            end if;
        else
            select spoilt || array_agg(t || '/' || i) into spoilt from unnest(s_commit, s_type, s_id) s (c, t, i) where c = n;
        end if;
        return next result;
    end loop;
end
$$;

create function append(
    commits integer,
    s_commit integer[], s_type text[], s_id text[], s_expected bigint[], s_first_event uuid[], s_events integer[],
    e_commit integer[], e_type text[], e_id text[], e_sequence bigint[],
    e_event_id uuid[], e_event_type text[], e_version text[], e_payload text[], e_metadata text[], e_at timestamptz[],
    k_commit integer[], k_principal text[], k_key text[], k_fingerprint bytea[], k_type text[], k_id text[], k_sequence bigint[],
    k_oldest timestamptz
) returns table (log uuid, outcomes append_outcome[])
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    head bigint; moved bigint; plain boolean;
begin
    -- In a statement of its own: each later one sees all that was committed before the lock was granted.
    select h.position, h.log_id into head, log from log_head h for update;

    -- Plain: every stream stands where its commit expects it (or where an earlier commit of the batch leaves it), no key is known.
    select not exists (
        select from (
            select t, i, expected, lag(expected + n) over (partition by t, i order by c) as left_at
            from unnest(s_commit, s_type, s_id, s_expected, s_events) u (c, t, i, expected, n)
        ) s
        where expected <> coalesce(left_at, (
            select max(e.sequence) from events e where e.aggregate_type = s.t and e.aggregate_id = s.i), 0)
    ) and (cardinality(k_commit) = 0 or (
        not exists (select from unnest(k_principal, k_key) k (p, n) join idempotency_keys i on i.principal = p and i.key = n)
        and (select count(distinct (p, n)) = count(*) from unnest(k_principal, k_key) k (p, n))
    )) into plain;

    if plain then
        moved := head + cardinality(e_type);
        insert into events
        select head + o, t, i, q, event_id, event_type, version, payload::json, metadata::json, at
        from unnest(e_type, e_id, e_sequence, e_event_id, e_event_type, e_version, e_payload, e_metadata, e_at)
            with ordinality u (t, i, q, event_id, event_type, version, payload, metadata, at, o);
        select array_agg((c, 'appended', head + last, null, null, null, null)::append_outcome order by c) into outcomes
        from (select c, max(o) as last from unnest(e_commit) with ordinality u (c, o) group by c) x;
        if cardinality(k_commit) > 0 then
            insert into idempotency_keys
            select p, n, f, t, i, q, (outcomes[c]).last_position, e_at[array_position(e_commit, c)]
            from unnest(k_commit, k_principal, k_key, k_fingerprint, k_type, k_id, k_sequence) k (c, p, n, f, t, i, q);
        end if;
    else
        select array_agg(o order by o.commit_no) into outcomes from append_one_by_one(
            head, commits, s_commit, s_type, s_id, s_expected, s_first_event,
            e_commit, e_type, e_id, e_sequence, e_event_id, e_event_type, e_version, e_payload, e_metadata, e_at,
            k_commit, k_principal, k_key, k_fingerprint, k_oldest) o;
        select coalesce(max(e.position), 0) into moved from events e;
    end if;

    if moved > head then
        update log_head h set position = moved;
        perform pg_notify('annals_log', moved::text);
    end if;
    return next;
end
$$;
