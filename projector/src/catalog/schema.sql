-- What is sold and where, for lists, look-ups and search. Catalogues are searched by words, so each product carries its
-- search vector, made by the database from the same row: it can never say something else than the name does.

create table product (
    sku text primary key,
    name text not null,
    price numeric not null,
    currency text not null,
    category text,
    status text not null check (status in ('active', 'discontinued')),
    -- why it was discontinued
    reason text,
    -- of the last event of this product
    sequence bigint not null,
    -- ask with websearch_to_tsquery('english', ..): one configuration for all three, so one question finds any of them
    search tsvector not null generated always as (
        setweight(to_tsvector('english', name), 'A')
        || setweight(to_tsvector('english', sku), 'A')
        || setweight(to_tsvector('english', coalesce(category, '')), 'B')
    ) stored,
    constraint price_is_not_negative check (price >= 0)
);

create index product_search on product using gin (search);
create index product_by_category on product (category, sku);
create index product_by_status on product (status, sku);

create table store (
    id text primary key,
    name text not null,
    country text not null,
    currency text not null,
    status text not null check (status in ('open', 'closed')),
    opened_at timestamptz not null,
    closed_at timestamptz,
    -- of the last event of this store
    sequence bigint not null
);
