-- What the business earned in each currency, from seven sides: a row of sums for everything, each day, month, country, store,
-- product and customer. They are sums and not queries over lines, because a dashboard asks for them all day and the lines never
-- end; and per currency, because pounds and euros do not add up to anything.

create table figures (
    -- a correction of stock counts in the currency of its store; 'XXX' (ISO 4217: none) where that store never opened
    currency text not null,
    dimension text not null check (dimension in ('all', 'day', 'month', 'country', 'store', 'product', 'customer')),
    -- '' for `all`; '2010-12-01', '2010-12', a country, a store, a SKU, a customer ('' for lines without customer)
    value text not null,
    lines bigint not null,
    -- by kind; a sale line has a price, a free line has none
    sale_lines bigint not null,
    free_lines bigint not null,
    refund_lines bigint not null,
    adjustment_lines bigint not null,
    bad_debt_lines bigint not null,
    -- units of sale and free lines together; `units_free` is the free part of them
    units_sold bigint not null,
    units_free bigint not null,
    units_cancelled bigint not null,
    units_adjusted bigint not null,
    gross numeric not null,
    -- every refund that was recorded, refused ones included
    cancelled numeric not null,
    bad_debt numeric not null,
    net numeric not null generated always as (gross - cancelled + bad_debt) stored,
    -- each document once, where and when it first had such a line; not counted per product (null there)
    sale_documents bigint,
    with_sale bigint,
    with_free bigint,
    refund_documents bigint,
    adjustment_documents bigint,
    bad_debt_documents bigint,
    -- customers with a sale or free line here, and those whose first one in this currency it was; null per product and per customer
    active_customers bigint,
    new_customers bigint,
    -- refund lines by outcome, as judged when they were recorded
    accepted_lines bigint not null,
    accepted_units bigint not null,
    accepted_amount numeric not null,
    refused_never_sold_lines bigint not null,
    refused_never_sold_units bigint not null,
    refused_never_sold_amount numeric not null,
    refused_exceeds_lines bigint not null,
    refused_exceeds_units bigint not null,
    refused_exceeds_amount numeric not null,
    unjudged_lines bigint not null,
    unjudged_units bigint not null,
    unjudged_amount numeric not null,
    primary key (dimension, value, currency)
);

-- What is known of a product from the lines that name it, in the order of the log.
create table product (
    sku text primary key,
    -- the last that was not blank, of any kind of line
    last_description text not null,
    -- of the last sale or free line
    last_price numeric,
    -- how often the price of a sale or free line differed from that of the one before it
    price_changes bigint not null,
    -- postage, bank charges, vouchers: whatever does not look like an article number
    service boolean not null generated always as (sku !~ '^[0-9]{5}[A-Za-z]{0,2}$') stored
);

create index product_by_price_changes on product (price_changes, sku);

-- Every document once, whatever its kind; also what makes counting them once possible.
create table document (
    kind text not null check (kind in ('sale', 'return', 'refund', 'adjustment', 'bad_debt')),
    -- the document's own number; of a refund `<sale>/<refund>`, because it is unique only within its sale
    id text not null,
    store text not null,
    country text not null,
    customer text not null,
    currency text not null,
    at timestamptz not null,
    lines bigint not null,
    -- taken back and adjusted away units and amounts are negative
    units bigint not null,
    amount numeric not null,
    with_sale boolean not null,
    with_free boolean not null,
    primary key (kind, id)
);

-- Which customers bought where and when, so that each is counted once; the dimensions all, day, month, country and store.
create table buyer (
    currency text not null,
    dimension text not null,
    value text not null,
    customer text not null,
    primary key (currency, dimension, value, customer)
);

-- Country and currency of a store, for adjustments: they know only the store. One in a store that never opened counts for
-- country '' and currency 'XXX'.
create table store (
    id text primary key,
    country text not null,
    currency text not null
);
