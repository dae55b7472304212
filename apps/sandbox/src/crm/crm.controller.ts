import { Body, Controller, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import type { z } from 'zod';
import { Permission, ProblemError } from '#platform';
import { CrmService } from './crm.service.ts';
import { Customer } from './customer.ts';
import { generate, type Generated } from './generate.ts';
import {
  CUSTOMER,
  CUSTOMER_CHANGE,
  GENERATE,
  OPPORTUNITY,
  OPPORTUNITY_CHANGE,
  PRODUCT,
  PRODUCT_CHANGE,
} from './input.ts';
import { Opportunity } from './opportunity.ts';
import { Product } from './product.ts';

const PAGE = 500;

/** The pretend CRM's REST side. Answers are records as they are now; decimals are text. */
@Controller('crm')
@Permission('sandbox')
export class CrmController {
  constructor(private readonly crm: CrmService) {}

  @Post('customers')
  createCustomer(@Body() body: unknown): Promise<Customer> {
    return this.crm.createCustomer(read(CUSTOMER, body));
  }

  @Patch('customers/:id')
  changeCustomer(@Param('id') id: string, @Body() body: unknown): Promise<Customer> {
    return this.crm.changeCustomer(id, read(CUSTOMER_CHANGE, body));
  }

  @Post('products')
  createProduct(@Body() body: unknown): Promise<Product> {
    return this.crm.createProduct(read(PRODUCT, body));
  }

  @Patch('products/:id')
  changeProduct(@Param('id') id: string, @Body() body: unknown): Promise<Product> {
    return this.crm.changeProduct(id, read(PRODUCT_CHANGE, body));
  }

  @Post('opportunities')
  createOpportunity(@Body() body: unknown): Promise<Opportunity> {
    return this.crm.createOpportunity(read(OPPORTUNITY, body));
  }

  @Patch('opportunities/:id')
  changeOpportunity(@Param('id') id: string, @Body() body: unknown): Promise<Opportunity> {
    return this.crm.changeOpportunity(id, read(OPPORTUNITY_CHANGE, body));
  }

  @Post('opportunities/:id/win')
  @HttpCode(200)
  win(@Param('id') id: string): Promise<Opportunity> {
    return this.crm.moveOpportunity(id, 'WON');
  }

  @Post('opportunities/:id/lose')
  @HttpCode(200)
  lose(@Param('id') id: string): Promise<Opportunity> {
    return this.crm.moveOpportunity(id, 'LOST');
  }

  @Post('opportunities/:id/cancel')
  @HttpCode(200)
  cancel(@Param('id') id: string): Promise<Opportunity> {
    return this.crm.moveOpportunity(id, 'CANCELLED');
  }

  @Post('generate')
  @HttpCode(200)
  generate(@Body() body: unknown): Promise<Generated> {
    return generate(this.crm, read(GENERATE, body));
  }

  @Get('customers')
  customers(): Promise<Customer[]> {
    return this.crm.entities.find(Customer, { order: { id: 'ASC' }, take: PAGE });
  }

  @Get('products')
  products(): Promise<Product[]> {
    return this.crm.entities.find(Product, { order: { id: 'ASC' }, take: PAGE });
  }

  @Get('opportunities')
  opportunities(): Promise<Opportunity[]> {
    return this.crm.entities.find(Opportunity, { order: { id: 'ASC' }, take: PAGE });
  }

  @Get('opportunities/:id')
  async opportunity(@Param('id') id: string): Promise<Opportunity> {
    const opportunity = await this.crm.entities.findOneBy(Opportunity, { id });
    if (!opportunity) throw new ProblemError(404, 'CROSSDOCK_SANDBOX_NOT_FOUND', `there is no opportunity ${id}`);
    return opportunity;
  }
}

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(parse(body));
  if (result.success) return result.data;
  const why = result.error.issues.map((issue) => `${issue.path.join('.') || 'the body'}: ${issue.message}`).join('; ');
  throw new ProblemError(400, 'CROSSDOCK_SANDBOX_BODY', why);
}

function parse(body: unknown): unknown {
  try {
    return JSON.parse(Buffer.isBuffer(body) ? body.toString('utf8') : '');
  } catch {
    return undefined;
  }
}
