-- Every sale, return and written-off debt, line by line, as the till saw it. Lines are keyed by the event that brought
-- them (its position in the log and their place in it): that key is known before any row is read, and it is the order of
-- the log. `line_no` counts within the document, for people.

create table sale (
    id text primary key,
    store text not null,
    customer text,
    country text not null,
    currency text not null,
    status text not null check (status in ('active', 'completed', 'partially_refunded', 'refunded')),
    at timestamptz not null,
    completed_at timestamptz,
    lines bigint not null,
    units bigint not null,
    gross numeric not null,
    refunded numeric not null,
    refunded_units bigint not null,
    -- units of it that came back without receipt; they count for the status
    returned_units bigint not null,
    -- the last event of this sale, and where it stands in the sale's own stream
    position bigint not null,
    sequence bigint not null
);

create index sale_by_time on sale (at, id);
create index sale_by_customer on sale (customer, at, id);
create index sale_by_store on sale (store, at, id);
create index sale_by_country on sale (country, at, id);
create index sale_by_status on sale (status, at, id);
create index sale_by_gross on sale (gross, id);
create index sale_by_lines on sale (lines, id);

create table sale_line (
    position bigint not null,
    line integer not null,
    sale text not null,
    line_no bigint not null,
    sku text not null,
    description text not null,
    quantity bigint not null,
    unit_price numeric not null,
    amount numeric not null,
    at timestamptz not null,
    primary key (position, line)
);

create unique index sale_line_of_sale on sale_line (sale, line_no);
create index sale_line_by_sku on sale_line (sku, position, line);

-- A return without receipt: a document of its own, whose lines were judged against what the customer had bought.
create table return_document (
    id text primary key,
    customer text,
    store text not null,
    country text not null,
    currency text not null,
    at timestamptz not null,
    lines bigint not null,
    units bigint not null,
    -- of all lines, whatever their outcome
    amount numeric not null,
    accepted_lines bigint not null,
    refused_lines bigint not null,
    unjudged_lines bigint not null,
    accepted_amount numeric not null,
    position bigint not null,
    sequence bigint not null
);

create index return_document_by_customer on return_document (customer, at, id);

-- Lines that came back: against a receipt (`sale` is set, always accepted) or without one (`document` is a return_document).
create table refund_line (
    position bigint not null,
    line integer not null,
    -- the return's number, or the refund's within its sale
    document text not null,
    line_no bigint not null,
    sale text,
    customer text,
    store text not null,
    country text not null,
    currency text not null,
    sku text not null,
    -- with a receipt the sale's own lines tell description and price
    description text,
    quantity bigint not null,
    unit_price numeric,
    amount numeric not null,
    outcome text not null check (outcome in ('accepted', 'refused', 'unjudged')),
    -- why it was refused, and the units the customer could have returned
    reason text check (reason in ('never_sold', 'exceeds', 'exceeds_paid')),
    balance bigint,
    -- what the customer gave as reason, where a receipt was shown
    remark text,
    at timestamptz not null,
    primary key (position, line),
    constraint only_a_refusal_has_a_reason check ((outcome = 'refused') = (reason is not null))
);

create index refund_line_by_outcome on refund_line (outcome, position, line);
create index refund_line_by_customer on refund_line (customer, position, line);
create index refund_line_by_sku on refund_line (sku, position, line);
create index refund_line_by_document on refund_line (document, position, line);
create index refund_line_by_sale on refund_line (sale, position, line) where sale is not null;

-- A debt that was written off, or its correction: prices and quantities may have any sign.
create table bad_debt_line (
    position bigint not null,
    line integer not null,
    document text not null,
    line_no bigint not null,
    customer text,
    store text not null,
    country text not null,
    currency text not null,
    sku text not null,
    description text not null,
    quantity bigint not null,
    unit_price numeric not null,
    amount numeric not null,
    at timestamptz not null,
    primary key (position, line)
);

create index bad_debt_line_by_document on bad_debt_line (document, position, line);
