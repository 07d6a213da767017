-- What the business sold, took back, corrected and wrote off, in each currency: a row of sums for everything and from nine sides. They are
-- sums and not queries over lines, because a dashboard asks for them all day and the lines never end; and per currency, because pounds and
-- euros do not add up to anything.

create table figures (
    -- '' for corrections of stock in a store that the catalog does not know: they are worth nothing in any currency
    currency text not null,
    dimension text not null check (dimension in
        ('all', 'day', 'week', 'month', 'country', 'store', 'channel', 'category', 'product', 'customer')),
    -- '' for `all`, and for lines that have no such thing; '2010-12-01', '2010-W48' (ISO 8601), '2010-12': business days, which are the
    -- store's; a country, a store, 'till', a category, a SKU, a customer
    value text not null,
    -- each document once, where and when it first had such a line; not counted by product and category (null there)
    sale_documents bigint,
    -- sales that had something for nothing in them
    free_documents bigint,
    sale_lines bigint not null,
    sale_units bigint not null,
    gross numeric not null,
    -- the part of lines and units that cost nothing
    free_lines bigint not null,
    free_units bigint not null,
    -- what was claimed back, with and without receipt, by what became of it when it was recorded
    refund_documents bigint,
    accepted_lines bigint not null,
    accepted_units bigint not null,
    accepted_amount numeric not null,
    unjudged_lines bigint not null,
    unjudged_units bigint not null,
    unjudged_amount numeric not null,
    never_sold_lines bigint not null,
    never_sold_units bigint not null,
    never_sold_amount numeric not null,
    exceeds_lines bigint not null,
    exceeds_units bigint not null,
    exceeds_amount numeric not null,
    adjustment_documents bigint,
    adjustment_lines bigint not null,
    adjustment_units bigint not null,
    bad_debt_documents bigint,
    bad_debt_lines bigint not null,
    bad_debt_units bigint not null,
    bad_debt_amount numeric not null,
    -- customers who bought here, and those whose first purchase in this currency it was; null by category, product and customer
    active_customers bigint,
    new_customers bigint,
    -- what went back over the counter: a return that nobody could judge was taken all the same, a refused one was not
    refunded numeric not null generated always as (accepted_amount + unjudged_amount) stored,
    -- what the sales came to in the end; a debt that is never paid was earned, and is told beside it
    net numeric not null generated always as (gross - accepted_amount - unjudged_amount) stored,
    primary key (dimension, value, currency)
);

-- One for each order of a list, each of one currency: amounts in several have no order.
create index figures_by_value on figures (dimension, currency, value);
create index figures_by_gross on figures (dimension, currency, gross, value);
create index figures_by_net on figures (dimension, currency, net, value);
create index figures_by_units on figures (dimension, currency, sale_units, value);
create index figures_by_refunded on figures (dimension, currency, refunded, value);

-- What is known of a product from the lines in a currency that name it, in the order of the log.
create table product (
    sku text not null,
    currency text not null,
    -- the last that was not blank
    description text not null,
    -- of the last line of a sale
    last_price numeric,
    -- how often the price in a sale differed from that in the one before it
    price_changes bigint not null,
    primary key (sku, currency)
);

-- Every document once, whatever its kind: what makes counting them once possible.
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
    -- taken back and adjusted away units and amounts are negative; refused ones are shown as they were claimed
    units bigint not null,
    amount numeric not null,
    with_free boolean not null,
    primary key (kind, id)
);

-- Which customers bought where and when, so that each is counted once.
create table buyer (
    currency text not null,
    dimension text not null,
    value text not null,
    customer text not null,
    primary key (currency, dimension, value, customer)
);

-- What the catalog says of stores: corrections of stock know only the store, and a business day is the store's.
create table store (
    id text primary key,
    country text not null,
    currency text not null,
    -- UTC where it was opened without one
    time_zone text
);

-- Which category a product is in; a line counts for the one that its product was in when the line was recorded.
create table article (
    sku text primary key,
    category text not null
);
